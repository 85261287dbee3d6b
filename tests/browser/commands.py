"""Tests of the figure commands of the page: the `lensbench plot` line below a picture draws what is on the
screen. browser_test.py runs them, and the commands themselves on pages of real runs."""


class CommandTests:
    def figure_command(self, state):
        """The command below the last picture of a view; of several the last one."""
        return self.figure_commands(state)[-1]

    def figure_commands(self, state):
        """The commands below the last picture of a view."""
        self.browser.state(state)
        self.panel("const knob = [...panel.querySelectorAll('.tools button')].filter(one => one.textContent === 'figure command').pop(); if (knob.getAttribute('aria-expanded') === 'false') knob.click()")
        return self.panel("return [...[...panel.querySelectorAll('.drawer')].pop().querySelectorAll('.command code')].map(code => code.textContent)")

    def choose(self, control, value):
        """Sets the first control of the open view that a selector finds."""
        self.panel(f"const one = panel.querySelector('{control}'); one.value = '{value}'; one.dispatchEvent(new Event(one.tagName === 'SELECT' ? 'change' : 'input', {{bubbles: true}}))")

    def test_figure_commands_name_the_part_that_is_shown(self):
        self.open("whole", "case=prompt-2")
        start = "lensbench plot made.h5"
        self.assertEqual(self.figure_command("case=prompt-2&view=attention&at-block=1&at-head=2"),
                         f"{start} attention/pattern --case prompt-2 --at block=1 --at head=2 -o figure.svg")
        self.assertEqual(self.figure_command("case=prompt-2&view=attribution&cell=2,5"),
                         f"{start} attribution/head_contribution --case prompt-2 --tokens 5:5 -o figure.svg")
        cube = "view=general&general=facts/cube"
        self.assertEqual(self.figure_command(cube), f"{start} facts/cube --at alpha=0 -o figure.svg")
        self.panel("const slider = panel.querySelector('.slider input'); slider.value = 3; slider.dispatchEvent(new Event('input', {bubbles: true}))")
        self.assertEqual(self.figure_command(cube), f"{start} facts/cube --at alpha=3 -o figure.svg")
        self.assertEqual(self.figure_command("view=maps"), f"{start} steering/effect -o figure.svg")
        self.assertIn("plot made.h5 trace/", self.figure_command("view=generation"))
        self.assertEqual(self.figure_command("view=general&general=facts/perplexity"), "lensbench export made.h5 facts/perplexity --format csv")

    def test_figure_commands_draw_the_tokens_in_sight(self):
        self.open("whole", "case=prompt-2")
        case = "--case prompt-2"
        lens = "case=prompt-2&view=lens&by=rank&cell=4,9"
        self.assertEqual(self.figure_command(lens), f"lensbench plot made.h5 lens/target_rank {case} --log -o figure.svg")
        # Half of the 14 columns, of which the middle of column 9 stays where it was: 4.75 to 11.75.
        self.panel("panel.querySelector('.map').focus()")
        self.browser.keys("+")
        self.assertEqual(self.panel("return panel.querySelector('.drawer code').textContent"), f"lensbench plot made.h5 lens/target_rank {case} --tokens 4:11 --log -o figure.svg")

    def test_figure_commands_name_ranks_as_the_archive_does(self):
        """The first rank is 1, also where the page has fewer ranks than the archive."""
        self.open("fewer_ranks")
        self.assertEqual(self.figure_command("view=general"), "lensbench plot made.h5 lens/top_logit --case only --at rank=1 -o figure.svg")

    def test_figure_commands_of_trajectories_name_the_lines(self):
        self.open("whole", "case=prompt-2")
        start = "lensbench plot made.h5 lens"
        state = "case=prompt-2&view=trajectories&cell=4,9&pins=1,6;3,2;2,5"
        self.assertEqual(self.figure_command(f"{state}&path=lens/entropy"), f"{start}/entropy --case prompt-2 --kind lines --tokens 2,5:6,9 -o figure.svg")
        self.assertEqual(self.figure_command(f"{state}&path=lens/target_rank"), f"{start}/target_rank --case prompt-2 --kind lines --tokens 2,5:6,9 --log -o figure.svg")
        self.assertEqual(self.figure_command(f"{state}&path=lens/entropy&axis=log"), f"{start}/entropy --case prompt-2 --kind lines --tokens 2,5:6,9 --log -o figure.svg")

    def test_figure_commands_of_pictures_and_texts_name_what_is_chosen(self):
        self.open("whole", "case=prompt-2")
        start = "lensbench plot made.h5"
        state = "view=image&picture=vision/concept_log_probability&cell=,0"
        self.assertEqual(self.figure_command(state), f"{start} vision/concept_log_probability --at layer=5 --at concept=cat -o figure.svg")
        self.choose(".slider input", 2)
        self.panel("const list = [...panel.querySelectorAll('select')].pop(); list.value = '2'; list.dispatchEvent(new Event('change'))")
        self.assertEqual(self.panel("return panel.querySelector('.drawer code').textContent"),
                         f"{start} vision/concept_log_probability --at layer=2 --at 'concept=old boat' -o figure.svg")
        self.assertEqual(self.figure_command("case=prompt-2&view=tokens&value=analysis/saliency"), f"{start} analysis/saliency --case prompt-2 --kind tokens -o figure.svg")

    def test_figure_commands_of_comparisons_draw_both_maps_with_one_scale(self):
        self.open("comparison")
        # The texts differ, so that no figure has the difference.
        commands = self.figure_commands("view=comparison&path=lens/target_probability")
        self.assertEqual(commands, [f"lensbench plot {name}.h5 lens/target_probability --case prompt-1 --range=0:1 -o figure-{name}.svg" for name in "ab"])
        self.open("comparison", "view=comparison&path=lens/target_rank")
        rank = self.figure_commands("view=comparison&path=lens/target_rank")
        ranges = {word for command in rank for word in command.split() if word.startswith("--range")}
        self.assertEqual(len(ranges), 1)
        self.assertRegex(ranges.pop(), r"^--range=1:\d+$")
        self.assertEqual([("lens/target_rank" in command, "--log" in command) for command in rank], [(True, True)] * 2)

    def test_comparison_tells_maps_of_one_name_apart(self):
        """Maps at several points have equal colours, so that the whole name of a variable is in the address."""
        self.open("alike", "view=comparison&path=lens/attn_out_entropy")
        self.assertEqual(self.panel("return [panel.querySelector('select').value, panel.querySelector('select').selectedOptions[0].textContent]"), ["lens/attn_out_entropy", "lens: attn out: entropy"])

    def test_the_figure_command_of_equal_texts_draws_their_difference(self):
        self.open("alike")
        self.assertEqual(self.figure_commands("view=comparison&path=lens/target_probability")[-1],
                         "lensbench plot a.h5 lens/target_probability --case prompt-1 --against b.h5 -o figure.svg")

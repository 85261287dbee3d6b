"""usage: browser_test.py BUNDLE_FOLDER [unittest arguments]

Tests the page of `lensbench report` in Chromium: its views, keys, colours, barriers, printing, hostile
texts and limits. BUNDLE_FOLDER holds page.js, start.js and page.css of the build; if the build has the command
lensbench too, pages of real runs are tested as well. Exit code 77: no browser.
"""
import hashlib
import html
import json
import pathlib
import shlex
import subprocess
import sys
import tempfile
import time
import unittest

import browser
import commands
import made_data
import media
import pictures
from made_page import deflate
from make_pages import make

VIEWS = ["overview", "lens", "trajectories", "tokens", "attribution", "generation", "attention", "patching", "image", "graph", "maps",
         "statistics", "grades", "tables", "general", "profile", "receipts"]
# A machine that builds something else at the same time is slower; the limits of the page are a third of these.
LOADED = 3
BUNDLE = pathlib.Path()
FOLDER = pathlib.Path()


class PageTest(unittest.TestCase):
    """One browser for all tests of a class, and the pages made when a test asks for them."""

    pinned = False

    @classmethod
    def setUpClass(cls):
        cls.browser = browser.Browser(cls.pinned)

    @classmethod
    def tearDownClass(cls):
        cls.browser.close()

    def page_file(self, name):
        path = FOLDER / f"{name}.html"
        return path if path.exists() else make(name, BUNDLE, FOLDER)

    def open(self, name, state=""):
        self.browser.open(self.page_file(name), state)
        return self.browser

    def panel(self, script):
        return self.browser.run(f"const panel = document.querySelector('[role=tabpanel]:not([hidden])'); {script}")


class Views(PageTest):
    def test_every_view_has_title_sentence_and_tools(self):
        page = self.open("whole")
        for view in VIEWS:
            with self.subTest(view=view):
                page.state(f"view={view}")
                frames = self.panel("return [...panel.querySelectorAll('.frame')].map(f => [f.querySelector('h3').textContent, f.querySelector('.sentence').textContent, f.querySelector('.tools').textContent])")
                self.assertTrue(frames, "no frame")
                for title, sentence, tools in frames:
                    self.assertGreater(len(title), 2)
                    self.assertTrue(sentence.endswith((".", "…")), sentence)
                    self.assertIn("CSV", tools)
                self.assertEqual(self.panel("return panel.querySelectorAll('.empty').length"), 0)
        self.assertEqual(page.errors(), [])

    def test_every_view_without_data_says_why(self):
        page = self.open("blank")
        self.assertEqual(self.browser.run("return [...document.querySelectorAll('[role=tab]')].map(t => t.textContent)"), ["Overview", "Receipts and provenance"])
        for view in [one for one in VIEWS + ["comparison"] if one not in ("overview", "receipts")]:
            with self.subTest(view=view):
                page.state(f"view={view}")
                self.assertGreater(len(self.panel("return panel.querySelector('.empty').textContent")), 40)
        self.assertEqual(page.errors(), [])

    def test_a_stopped_run_and_a_failed_receipt_are_said_first(self):
        self.open("hostile")
        banners = self.browser.run("return [...document.querySelectorAll('.banner')].map(one => one.textContent)")
        self.assertEqual(len(banners), 2)
        self.assertTrue(banners[0].startswith(f"incomplete. {made_data.HOSTILE[0]}"), banners[0])
        self.assertTrue(banners[1].startswith("1 receipt FAILED: "), banners[1])

    def test_tables_commands_and_narrow_windows(self):
        page = self.open("whole")
        for width in (320, 1600):
            page.width(width)
            for view in VIEWS:
                with self.subTest(view=view, width=width):
                    page.state(f"view={view}")
                    self.panel("for (const knob of panel.querySelectorAll('.tools [aria-expanded=false]')) knob.click()")
                    self.assertLessEqual(self.browser.run("return document.documentElement.scrollWidth"), width)
        page.width(1400)
        page.state("view=lens&case=prompt-2")
        self.panel("panel.querySelectorAll('.tools button')[2].click()")
        self.assertEqual(self.panel("return panel.querySelector('.command code').textContent"),
                         "lensbench plot made.h5 lens/target_probability --case prompt-2 -o figure.svg")

    def test_the_address_opens_a_cell(self):
        page = self.open("whole", "case=prompt-2&view=lens&cell=4,9&by=rank&theme=dark")
        self.assertIn("position 9, layer 4", self.panel("return panel.querySelector('.place').textContent"))
        self.assertEqual(page.run("return document.documentElement.dataset.theme"), "dark")
        self.assertEqual(self.panel("return [...panel.querySelectorAll('.choices input:checked + label')].pop().textContent"), "rank")
        page.state("view=tokens&case=prompt-2&cell=4,9")
        self.assertEqual(self.panel("return panel.querySelector('.here').dataset.at"), "9")

    def test_comparison_aligns_texts_and_hatches_gaps(self):
        page = self.open("comparison")
        self.assertIn("3 columns without a partner are hatched", self.panel("return [...panel.querySelectorAll('.sentence')].pop().textContent"))
        page.run("document.querySelectorAll('[role=tabpanel]:not([hidden]) .map')[2].focus()")
        page.keys("\ue010")
        self.assertRegex(page.live(), r"layer \d+, A ·and \S+, B ·and \S+, difference")
        self.assertEqual(page.errors(), [])


class FigureCommands(commands.CommandTests, PageTest):
    pass


class Keys(PageTest):
    LEFT, UP, RIGHT, DOWN, HOME, END, ENTER, ESCAPE = "\ue012", "\ue013", "\ue014", "\ue015", "\ue011", "\ue010", "\ue007", "\ue00c"

    def test_the_map_is_read_by_keys(self):
        page = self.open("pixels", "view=lens&cell=0,0")
        page.run("document.querySelector('.map').focus()")
        label = page.run("return document.activeElement.getAttribute('aria-label')")
        self.assertEqual(label, "map of target probability: 3 layers by 4 tokens, values 0 to 1")
        steps = [(self.RIGHT, "layer 0, token 1 ·God, probability 1"), (self.RIGHT, "layer 0, token 2 ·of, probability .5"),
                 (self.UP, "layer 1, token 2 ·of, probability .9"), (self.RIGHT, "layer 1, token 3 ·Abraham, probability —"),
                 (self.UP, "layer 2, token 3 ·Abraham, probability 1"), (self.UP, "layer 2, token 3 ·Abraham, probability 1"),
                 (self.HOME, "layer 2, token 0 ·the, probability .333"), (self.END, "layer 2, token 3 ·Abraham, probability 1"),
                 (self.DOWN, "layer 1, token 3 ·Abraham, probability —"),
                 (self.ENTER, "pinned: layer 1, token 3 ·Abraham, probability —")]
        for key, said in steps:
            page.keys(key)
            self.assertEqual(page.live(), said)
        page.wait("return location.hash.includes('cell=1,3')")
        page.keys(self.ESCAPE)
        self.assertEqual(page.run("return document.activeElement.getAttribute('role')"), "tab")

    def test_every_cell_is_reached(self):
        page = self.open("pixels", "view=lens&cell=0,0")
        page.run("document.querySelector('.map').focus()")
        said = set()
        for row in range(3):
            page.keys(self.HOME)
            for _ in range(4):
                said.add(page.live())
                page.keys(self.RIGHT)
            page.keys(self.UP)
        self.assertEqual(len({text.split(", probability")[0] for text in said if text}), 12)

    def test_every_picture_with_a_cursor_is_read_by_keys(self):
        """Each move is announced, and the element says what it is."""
        page = self.open("whole", "case=prompt-2&cell=0,0")
        page.wait("return document.documentElement.dataset.all")
        kinds = set()
        for view in VIEWS:
            page.state(f"view={view}&case=prompt-2&cell=0,0")
            count = self.panel("return panel.querySelectorAll('[role=application]').length")
            for number in range(count):
                kind, label = self.panel(f"const one = panel.querySelectorAll('[role=application]')[{number}]; one.focus(); return [one.getAttribute('aria-roledescription'), one.getAttribute('aria-label')]")
                with self.subTest(view=view, number=number, kind=kind):
                    kinds.add(kind)
                    self.assertGreater(len(label), 10)
                    said = []
                    for key in (self.RIGHT, self.RIGHT, self.LEFT):
                        page.keys(key)
                        said.append(page.live())
                    # The second step goes on, and the third comes back to where the first ended.
                    self.assertTrue(all(said), said)
                    self.assertNotEqual(said[0], said[1])
                    self.assertEqual(said[0], said[2])
                    page.keys(self.ESCAPE)
        self.assertEqual(kinds, {"map", "text", "line chart", "picture", "graph"})

    def test_views_that_are_built_later_leave_the_focus(self):
        page = self.open("whole", "view=lens")
        page.run("document.querySelector('[role=tabpanel]:not([hidden]) .map').focus()")
        page.wait("return document.documentElement.dataset.all")
        self.assertEqual(page.run("return document.activeElement.className"), "map")
        self.assertEqual(page.run("return [...document.querySelectorAll('[role=tabpanel]')].map(p => p.id.replace('panel-', ''))"), VIEWS)

    def test_tabs_search_and_help(self):
        page = self.open("whole", "view=lens")
        page.run("document.querySelector('[role=tab][aria-selected=true]').focus()")
        page.keys(self.RIGHT)
        page.wait("return document.querySelector('[role=tab][aria-selected=true]').textContent === 'Trajectories'")
        page.run("document.activeElement.blur()")
        page.keys("/")
        self.assertEqual(page.run("return document.activeElement.id"), "search")
        page.keys("Isaac", self.ENTER)
        page.wait("return document.getElementById('live').textContent === 'token 6:  Isaac'")
        page.run("document.activeElement.blur()")
        page.keys("?")
        self.assertTrue(page.run("return document.querySelector('dialog').open"))


class Colours(PageTest):
    # Published colours of matplotlib's viridis: index of 0 to 255, red, green, blue.
    VIRIDIS = {0: (0x44, 0x01, 0x54), 64: (0x3b, 0x52, 0x8b), 128: (0x21, 0x91, 0x8c), 191: (0x5c, 0xc8, 0x63), 255: (0xfd, 0xe7, 0x25)}

    def test_a_cell_has_the_colour_of_its_value(self):
        self.open("pixels", "view=lens&cell=0,3")
        values = {(0, 0): 0.0, (0, 1): 1.0, (0, 2): 0.5, (1, 0): 0.75, (0, 3): 0.25, (2, 2): 0.0}
        for (row, column), value in values.items():
            with self.subTest(row=row, column=column):
                got = self.panel(f"""const stage = panel.querySelector('.map'); const [left, top, cw, ch] = stage.dataset.geometry.split(',').map(Number);
                    const x = Math.round(left + {column} * cw) + 4, y = Math.round(top + {2 - row} * ch) + 4;
                    return [...stage.querySelector('canvas').getContext('2d').getImageData(x, y, 1, 1).data]""")
                # A step of the table to each side: 0.25 of 255 is between two colours.
                wanted = self.VIRIDIS[round(value * 255)]
                self.assertLessEqual(max(abs(a - b) for a, b in zip(got, wanted)), 1)

    def test_a_picture_shows_the_chosen_concept_on_a_scale_that_ends_at_zero(self):
        self.open("whole", "view=image&picture=vision/concept_log_probability&cell=,0")
        names = self.panel("return [...panel.querySelectorAll('select')].pop().textContent")
        self.assertEqual(names, "catdogold boat")
        # Log probabilities 0, -4 and -8 of a scale from -8 to 0.
        for concept, (name, place) in enumerate([("cat", 255), ("dog", 128), ("old·boat", 0)]):
            with self.subTest(concept=name):
                self.panel(f"const list = [...panel.querySelectorAll('select')].pop(); list.value = '{concept}'; list.dispatchEvent(new Event('change'))")
                got = self.panel("return getComputedStyle(panel.querySelector('.picture rect')).fill").strip("rgb()").split(", ")
                self.assertLessEqual(max(abs(int(a) - b) for a, b in zip(got, self.VIRIDIS[place])), 1)
                self.assertEqual(self.panel("return panel.querySelector('.legend-title').textContent"), f"concept log probability, concept “{name}”, nats")
                self.assertIn(f"concept “{name}”: {'−' if concept else ''}{4 * concept}", self.panel("return [...panel.querySelectorAll('.note')].pop().textContent"))
        self.assertEqual(self.panel("return panel.querySelector('.ticks').textContent"), "−8−40")

    def test_small_pictures_of_heads_keep_the_largest_weight(self):
        """Patterns of 1,024 tokens are 64 pixels wide; at the diagonal each token looks at itself with weight 1."""
        self.open("heads", "view=attention")
        got = self.panel("""return [0, 40].flatMap((head) => { const canvas = panel.querySelectorAll('.head canvas')[head]; const pen = canvas.getContext('2d');
            return [[canvas.width, canvas.height], [...pen.getImageData(30, 30, 1, 1).data], [...pen.getImageData(31, 30, 1, 1).data]] })""")
        # Blank after the diagonal.
        self.assertEqual(got, [[64, 64], [*self.VIRIDIS[255], 255], [0, 0, 0, 0]] * 2)
        # A step below the diagonal is the weight of the nearest pair of its blocks, a token apart: exp(-1 / 1.5) and exp(-1 / 41.5).
        below = self.panel("""return [0, 40].map((head) => [...panel.querySelectorAll('.head canvas')[head].getContext('2d').getImageData(30, 31, 1, 1).data].slice(0, 3))""")
        self.assertLessEqual(max(abs(a - b) for a, b in zip(below[1], self.VIRIDIS[255])), 20)
        self.assertGreater(abs(below[0][0] - self.VIRIDIS[255][0]), 60)

    def test_small_pictures_are_alike_whatever_form_the_numbers_have(self):
        """150 tokens are 38 pixels wide. Codes may move a weight to a neighbouring colour, of 256."""
        pictures = {}
        for name in ("plain", "fine", "logarithmic", "coarse", "ahead", "ahead_coded"):
            self.open("forms", f"view=attention&pattern=attention/{name}")
            pictures[name] = self.panel("return [...panel.querySelectorAll('.head canvas')].map((one) => [one.width, [...one.getContext('2d').getImageData(0, 0, one.width, one.height).data]])")
        for name, like, most in (("fine", "plain", 6), ("logarithmic", "plain", 6), ("coarse", "plain", 12), ("ahead_coded", "ahead", 12)):
            with self.subTest(form=name):
                self.assertEqual([width for width, _ in pictures[name]], [38, 38, 38])
                for (_, got), (_, wanted) in zip(pictures[name], pictures[like]):
                    self.assertLessEqual(max(abs(a - b) for a, b in zip(got, wanted)), most)
        # A causal pattern is blank after the diagonal, the other one is not.
        blank = lambda name: [data[3::4].count(0) for _, data in pictures[name]]
        self.assertEqual(blank("fine"), [37 * 38 // 2] * 3)
        self.assertEqual(blank("ahead_coded"), [0] * 3)

    def test_a_reduced_map_keeps_the_largest_value(self):
        page = self.open("large", "view=lens&by=probability")
        made = self.panel("""const stage = panel.querySelector('.map'); const [left, top, cw, ch] = stage.dataset.geometry.split(',').map(Number);
            const canvas = stage.querySelector('canvas'); const data = canvas.getContext('2d').getImageData(left, top, Math.floor(cw * 4000), 1).data;
            let least = 255; for (let i = 0; i < data.length; i += 4) least = Math.min(least, data[i + 1]); return [cw, least]""")
        # In the last layer each pixel is the largest of several tokens, and of each four one is likely.
        self.assertLess(made[0], 0.5)
        self.assertGreater(made[1], 0x52)


class Barriers(PageTest):
    """axe-core finds no violation in any view, in light, dark and print."""

    def test_axe_is_the_published_file(self):
        file = browser.HERE / "third_party/axe.min.js"
        digest, name = file.with_suffix(".js.sha256").read_text().split()
        self.assertEqual((hashlib.sha256(file.read_bytes()).hexdigest(), name), (digest, file.name))

    def check(self, name, views, theme):
        page = self.open(name, f"theme={theme}")
        page.run((browser.HERE / "third_party/axe.min.js").read_text())
        for view in views:
            with self.subTest(page=name, view=view, theme=theme):
                page.state(f"view={view}&theme={theme}")
                self.assertEqual(page.violations(), [])

    def test_light(self):
        self.check("whole", VIEWS, "light")
        self.check("comparison", ["comparison"], "light")
        self.check("blank", ["overview", "lens"], "light")

    def test_dark(self):
        self.check("whole", VIEWS, "dark")
        self.check("comparison", ["comparison"], "dark")
        self.check("blank", ["overview", "lens"], "dark")

    def test_print(self):
        page = self.open("whole")
        page.wait("return document.documentElement.dataset.all")
        page.run((browser.HERE / "third_party/axe.min.js").read_text())
        page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
        page.run("dispatchEvent(new Event('beforeprint'))")
        self.assertEqual(page.violations(), [])
        page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


class CasePictures(PageTest):
    def test_are_below_their_rectangles_side_by_side(self):
        page = self.open("pictured", "view=image")
        page.wait("return [...document.querySelectorAll('svg.picture image')].length === 2")
        # Left edge, width and height of each in pixels of the pictures, which are 8 apart; the second one is missing.
        self.assertEqual(self.panel("return [...panel.querySelectorAll('svg.picture image')].map(one => { const box = one.getBBox(); return [box.x, box.width, box.height] })"), [[0, 84, 56], [184, 84, 56]])
        self.assertEqual(self.panel("return panel.querySelector('svg.picture').getAttribute('viewBox')"), "0 0 268 56")
        # The browser has read the picture from the address.
        self.assertEqual(page.driver.execute_async_script("const done = arguments[0], image = new Image(); image.onload = () => done([image.naturalWidth, image.naturalHeight]); image.src = document.querySelector('svg.picture image').getAttribute('href')"), [42, 28])
        self.assertEqual(page.errors(), [])

    def test_the_sentence_has_digests_and_reasons(self):
        self.open("pictured", "view=image")
        sentence = self.panel("return panel.querySelector('.sentence').textContent")
        self.assertIn(f"Picture “first.png”, SHA-256 {'ab' * 32}.", sentence)
        self.assertIn("“second.png” is not shown: its file has changed since the run.", sentence)
        self.assertIn("“<b>third.png”", sentence)

    def test_rectangles_fade_by_a_slider(self):
        page = self.open("pictured", "view=image")
        opacity = "return panel.querySelector('svg.picture rect').getAttribute('fill-opacity')"
        before = float(self.panel(opacity))
        self.assertTrue(0 < before < 1, before)
        self.panel("const slider = [...panel.querySelectorAll('input[type=range]')].pop(); slider.value = 20; slider.dispatchEvent(new Event('input', {bubbles: true}))")
        self.assertEqual(float(self.panel(opacity)), 0.2)
        page.state("view=image&cell=1,7")
        self.assertIn("rectangle 7", self.panel("return panel.querySelector('.note').textContent"))


class Labels(PageTest):
    def test_ideographs_have_room(self):
        """An ideograph is as wide as the size of the font, 12 pixels."""
        left = {}
        for name in ("wide", "narrow"):
            self.open("ideographs", f"view=maps&map={name}/effect")
            left[name] = float(self.panel("return panel.querySelector('.map').dataset.geometry.split(',')[0]"))
        self.assertGreater(left["wide"], 34 + 6 * 12)
        self.assertLess(abs(left["wide"] - left["narrow"]), 6 * 7.4)


    def test_the_number_of_the_last_column_is_whole(self):
        """At 1,024 tokens in a narrow window the label 1000 is near the edge."""
        self.browser.width(320)
        self.addCleanup(self.browser.width, 1400)
        script = self.browser.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": """
            const write = CanvasRenderingContext2D.prototype.fillText; window.beyond = [];
            CanvasRenderingContext2D.prototype.fillText = function (text, x, y) {
              if (this.textAlign === 'center' && x + this.measureText(text).width / 2 > parseFloat(this.canvas.style.width)) window.beyond.push(text);
              return write.call(this, text, x, y); }"""})
        self.addCleanup(self.browser.driver.execute_cdp_cmd, "Page.removeScriptToEvaluateOnNewDocument", script)
        self.open("heads", "view=attention")
        self.assertEqual(self.browser.run("return window.beyond"), [])


class Safety(PageTest):
    def requests(self):
        seen = []
        for entry in self.browser.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                seen.append(message["params"]["request"]["url"])
        return [url for url in seen if not url.startswith(("data:", "blob:", "about:"))]

    def test_only_the_page_itself_is_read(self):
        page = self.open("whole")
        for view in VIEWS:
            page.state(f"view={view}")
        urls = self.requests()
        self.assertTrue(urls)
        self.assertEqual({url.split("#")[0] for url in urls}, {(FOLDER / "whole.html").as_uri()})

    def test_hostile_texts_are_texts(self):
        page = self.open("hostile")
        page.wait("return document.documentElement.dataset.all")
        for view in VIEWS:
            page.state(f"view={view}")
            self.panel("for (const knob of panel.querySelectorAll('.tools [aria-expanded=false]')) knob.click()")
        page.run("document.querySelectorAll('[data-at]').forEach(n => n.dispatchEvent(new PointerEvent('pointerover', {bubbles: true})))")
        found = page.run("return [document.querySelectorAll('img, iframe, object, embed, link, a[href^=\"javascript\"], [onload], [onerror], [onfocus], foreignObject').length, document.scripts.length, document.title, Object.keys(window).filter(k => /lensbench/i.test(k)).length]")
        scripts = (FOLDER / "hostile.html").read_text().count("<script")
        self.assertEqual(found, [0, scripts, made_data.HOSTILE[0], 0])
        self.assertIn("<img src=x onerror=", page.run("return document.getElementById('app').textContent"))
        self.assertEqual(page.errors(), [])
        self.assertEqual({url.split("#")[0] for url in self.requests()}, {(FOLDER / "hostile.html").as_uri()})

    def test_a_damaged_page_keeps_its_static_part(self):
        text = (make("pixels", BUNDLE, FOLDER)).read_text()
        path = FOLDER / "damaged.html"
        path.write_text(text.replace('id="index">', 'id="index">!!!'))
        self.browser.driver.get(path.as_uri())
        self.browser.wait("return document.documentElement.dataset.error")
        self.assertEqual(self.browser.run("return [document.getElementById('static').hidden, document.querySelector('[role=alert]') !== null]"), [False, True])

    def test_a_changed_script_does_not_run(self):
        """The script is data in the page, and the policy allows the text alone that the page was made with."""
        text = (make("pixels", BUNDLE, FOLDER)).read_text()
        script = (BUNDLE / "page.js").read_text()
        path = FOLDER / "changed.html"
        path.write_text(text.replace(deflate(script.encode()), deflate(f"document.title = 'changed';{script}".encode())))
        self.browser.driver.get(path.as_uri())
        errors = []
        self.browser.wait("return document.readyState === 'complete'")
        for _ in range(100):
            errors += self.browser.errors()
            if errors:
                break
            time.sleep(0.05)
        self.assertTrue(any("Content Security Policy" in error for error in errors), errors)
        self.assertEqual(self.browser.run("return [document.title, document.documentElement.dataset.ready, document.getElementById('static').hidden]"), ["made.h5", None, False])

    def test_the_policy_stops_what_an_escape_would_miss(self):
        """Elements that are put into the page as they are: script, handler and picture are reported and do nothing."""
        attack = """<script>document.title = 'ran'</script><img src="x.png" onerror="document.title = 'ran'"><svg onload="document.title = 'ran'"></svg>"""
        text = make("pixels", BUNDLE, FOLDER).read_text()
        path = FOLDER / "attacked.html"
        path.write_text(text.replace('<div id="static">', f'<div id="static">{attack}'))
        page = self.browser
        page.open(path)
        page.wait("return document.documentElement.dataset.all")
        reports = [error for error in page.errors() if "Content Security Policy" in error]
        for kind in ("inline script", "inline event handler", "x.png"):
            self.assertTrue(any(kind in error for error in reports), (kind, reports))
        self.assertEqual(page.run("return [document.title, document.images.length, document.images[0].naturalWidth]"), ["made.h5", 1, 0])

    def test_a_browser_without_the_means_to_unpack_keeps_the_static_part(self):
        path = make("pixels", BUNDLE, FOLDER)
        source = {"source": "delete window.DecompressionStream"}
        script = self.browser.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", source)
        try:
            self.browser.driver.get(path.as_uri())
            self.browser.wait("return document.documentElement.dataset.error")
        finally:
            self.browser.driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", script)
        self.assertEqual(self.browser.run("return [document.getElementById('static').hidden, document.querySelector('[role=alert]').textContent.includes('browser of 2023')]"), [False, True])


class Frame(PageTest):
    """The page in the frame of a notebook, whose address (about:srcdoc) cannot be changed."""

    def test_keys_work_without_an_address(self):
        text = make("pixels", BUNDLE, FOLDER).read_text()
        path = FOLDER / "frame.html"
        path.write_text(f'<!doctype html><meta charset="utf-8"><iframe style="width:100%;height:800px" srcdoc="{html.escape(text)}"></iframe>')
        page = self.browser
        page.driver.get("about:blank")
        page.errors()
        page.driver.get(path.as_uri())
        page.driver.switch_to.frame(0)
        try:
            page.wait("return document.documentElement.dataset.all")
            self.assertEqual(page.run("return [location.href, document.documentElement.dataset.error]"), ["about:srcdoc", None])
            page.run("document.getElementById('tab-lens').click()")
            page.wait("return document.querySelector('.map')")
            page.run("document.querySelector('.map').focus()")
            page.keys(Keys.HOME, Keys.RIGHT)
            self.assertIn("token 1 ·God", page.live())
            # The address is written a while after the last move.
            page.driver.execute_async_script("setTimeout(arguments[0], 500)")
        finally:
            page.driver.switch_to.default_content()
        self.assertEqual(page.errors(), [])


class RealRuns(PageTest):
    """Pages of runs with the embedded model, written by the command."""

    RUNS = {
        "first_look": (["run", "first_look", "--profile"], ["overview", "lens", "trajectories", "tokens", "attribution", "generation", "statistics", "tables", "general", "profile", "receipts"]),
        "attention": (["tool", "attention"], ["overview", "attribution", "attention", "tables", "general", "profile", "receipts"]),
        "activation_patching": (["tool", "activation_patching", "--set", "corrupted= the God of Moses, of Aaron, and of"], ["overview", "attribution", "patching", "tables", "profile", "receipts"]),
        "prediction_trajectory": (["run", "prediction_trajectory"], ["overview", "lens", "trajectories", "tokens", "statistics", "general", "profile", "receipts"]),
    }

    def test_figure_commands_draw_figures(self):
        for name, (arguments, views) in self.RUNS.items():
            program, path, page = self.program(), self.written(name, arguments), self.browser
            page.open(path)
            for view in views:
                page.state(f"view={view}")
                self.panel("for (const knob of panel.querySelectorAll('.tools button')) if (knob.textContent === 'figure command' && knob.getAttribute('aria-expanded') === 'false') knob.click()")
                for command in self.panel("return [...panel.querySelectorAll('.drawer .command code')].map(code => code.textContent)"):
                    with self.subTest(run=name, view=view, command=command):
                        words = shlex.split(command)
                        self.assertEqual(words[0], "lensbench")
                        # Texts, token ids and single numbers have no figure, so that the command writes them.
                        done = subprocess.run([program, *words[1:], *(["--force"] if words[1] == "plot" else [])], cwd=FOLDER, capture_output=True, text=True)
                        self.assertEqual(done.returncode, 0, done.stderr)

    def program(self):
        program = BUNDLE.parent.parent / "bin/lensbench"
        if not program.exists():
            self.skipTest("the command lensbench is not built")
        return program

    def written(self, name, arguments):
        program = self.program()
        model = browser.HERE.parent.parent / "models/kjv-gpt2"
        archive, path = FOLDER / f"{name}.h5", FOLDER / f"{name}.html"
        if path.exists():
            return path
        subprocess.run([program, *arguments, "--model", model, "--prompt", " the God of Abraham, of Isaac, and of", "--out", archive, "--quiet"], check=True)
        subprocess.run([program, "report", archive, "-o", path], check=True, stdout=subprocess.DEVNULL)
        return path

    def test_all_tabs(self):
        for name, (arguments, wanted) in self.RUNS.items():
            path, page = self.written(name, arguments), self.browser
            page.width(1600)
            page.open(path, "theme=light")
            self.assertEqual(page.run("return [...document.querySelectorAll('[role=tab]')].map(t => t.id.replace('tab-', ''))"), wanted)
            for width, theme in ((1600, "light"), (320, "dark")):
                page.width(width)
                for view in wanted:
                    with self.subTest(run=name, view=view, width=width):
                        page.state(f"view={view}&theme={theme}")
                        self.assertEqual(self.panel("return [...panel.querySelectorAll('.empty')].map(e => e.textContent)"), [])
                        self.assertGreater(self.panel("return panel.querySelectorAll('canvas, svg, td, .token').length"), 0)
                        self.assertLessEqual(page.run("return document.documentElement.scrollWidth"), width)
            page.width(1400)
            self.assertEqual([entry["message"] for entry in page.driver.get_log("browser")], [])


class Media(media.MediaTests, PageTest):
    pass


class Pictures(pictures.PictureTests, PageTest):
    pinned = True
    views = VIEWS


class Limits(PageTest):
    def report(self, what, value, limit, unit="ms"):
        print(f"measured: {what}: {value:.1f} {unit} (limit {limit} {unit})", file=sys.stderr)
        self.assertLess(value, limit * LOADED)

    def test_size_of_script_and_style(self):
        # The comment in front of the script has the licences of others.
        scripts = [(BUNDLE / name).read_bytes().partition(b"*/\n")[2] for name in ("page.js", "start.js")]
        size = sum(map(len, scripts)) + (BUNDLE / "page.css").stat().st_size
        self.assertGreater(size, 100000)
        print(f"measured: script and style: {size} bytes (limit 150000)", file=sys.stderr)
        self.assertLessEqual(size, 150000)

    def test_large_map(self):
        page = self.open("large", "view=lens")
        self.report("101 x 4,000 ready", page.run("return Number(document.documentElement.dataset.readyAfter)"), 1500)
        page.wait("return document.documentElement.dataset.all")
        # The browser is asked for the layout after each step, so that its work is counted.
        times = page.run("""const map = document.querySelector('.map'); map.focus(); const times = [];
            for (let i = 0; i < 60; ++i) { const start = performance.now(); map.dispatchEvent(new KeyboardEvent('keydown', {key: i % 3 ? 'ArrowLeft' : 'ArrowDown', bubbles: true})); document.body.offsetHeight; map.querySelector('canvas').getContext('2d').getImageData(0, 0, 1, 1); times.push(performance.now() - start); }
            return times.sort((a, b) => a - b)""")
        self.report("cursor step, median", times[30], 33)
        times = page.run("""const map = document.querySelector('.map'); const times = [];
            for (let i = 0; i < 24; ++i) { const start = performance.now(); map.dispatchEvent(new KeyboardEvent('keydown', {key: i % 12 < 6 ? '+' : '-', bubbles: true})); map.querySelector('canvas').getContext('2d').getImageData(0, 0, 1, 1); times.push(performance.now() - start); }
            return times.sort((a, b) => a - b)""")
        self.report("redraw on zoom, median", times[12], 50)
        self.assertEqual(page.errors(), [])

    def test_many_heads(self):
        """The limits of the large map, for 64 heads over 1,024 tokens; another head is a redraw."""
        page = self.open("heads", "view=attention")
        self.report("64 heads x 1,024 ready", page.run("return Number(document.documentElement.dataset.readyAfter)"), 1500)
        self.assertEqual(self.panel("return [panel.querySelectorAll('.head').length, panel.querySelector('.map').getAttribute('aria-label')]"), [64, "map of pattern: 1024 queries by 1024 keys"])
        page.wait("return document.documentElement.dataset.all")
        times = page.run("""const map = document.querySelector('.map'); map.focus(); const times = [];
            for (let i = 0; i < 60; ++i) { const start = performance.now(); map.dispatchEvent(new KeyboardEvent('keydown', {key: i % 3 ? 'ArrowUp' : 'ArrowLeft', bubbles: true})); document.body.offsetHeight; map.querySelector('canvas').getContext('2d').getImageData(0, 0, 1, 1); times.push(performance.now() - start); }
            return times.sort((a, b) => a - b)""")
        self.report("cursor step in a pattern, median", times[30], 33)
        times = page.run("""const map = document.querySelector('.map'); const times = [];
            for (let i = 0; i < 24; ++i) { const start = performance.now(); map.dispatchEvent(new KeyboardEvent('keydown', {key: i % 12 < 6 ? '+' : '-', bubbles: true})); map.querySelector('canvas').getContext('2d').getImageData(0, 0, 1, 1); times.push(performance.now() - start); }
            return times.sort((a, b) => a - b)""")
        self.report("redraw of a pattern on zoom, median", times[12], 50)
        times = page.run("""const map = document.querySelector('.map'); const times = [];
            for (let i = 1; i < 12; ++i) { const knob = document.querySelectorAll('.head')[i]; const start = performance.now(); knob.click(); document.body.offsetHeight; map.querySelector('canvas').getContext('2d').getImageData(0, 0, 1, 1); times.push(performance.now() - start); }
            return times.sort((a, b) => a - b)""")
        self.report("another head, median", times[5], 50)
        self.assertEqual(page.errors(), [])

    def test_many_cases(self):
        page = self.open("many", "view=overview")
        self.assertLessEqual(page.run("return document.querySelectorAll('.cases tbody tr').length"), 60)
        for column in range(7):
            time = page.run(f"const knob = document.querySelectorAll('.cases thead button')[{column}]; const start = performance.now(); knob.click(); document.body.offsetHeight; return performance.now() - start")
            self.report(f"sort 10,000 cases by column {column}", time, 100)
        for text in ("king", "prompt-99", ""):
            time = page.run("const field = document.querySelector('.filter input'); field.value = arguments[0]; const start = performance.now(); field.dispatchEvent(new Event('input')); document.body.offsetHeight; return performance.now() - start", text)
            self.report(f"filter 10,000 cases by '{text}'", time, 100)
        # Numbers in ids are compared as numbers; the second click turns the order around.
        firsts = [page.run("document.querySelectorAll('.cases thead button')[0].click(); return document.querySelector('.cases tbody th').textContent") for _ in range(2)]
        self.assertEqual(firsts, ["prompt-0", "prompt-9999"])


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    browser.programs()
    BUNDLE = pathlib.Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory(prefix="lensbench-pages-") as made:
        FOLDER = pathlib.Path(made)
        program = unittest.main(argv=[sys.argv[0], *sys.argv[2:]], exit=False, verbosity=2)
    sys.exit(0 if program.result.wasSuccessful() else 1)

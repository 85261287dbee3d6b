"""Tests of the page in other surroundings: on paper, in forced colours, without motion, by the key Tab
alone, without a network. browser_test.py runs them."""
import base64
import re
import shutil
import subprocess
import tempfile

import browser


class MediaTests:
    def emulate(self, media="", **features):
        """Sets the medium and features such as forced_colors, until the test ends."""
        named = [{"name": name.replace("_", "-"), "value": value} for name, value in features.items()]
        self.browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media, "features": named})
        if media or features:
            self.addCleanup(self.emulate)

    def printed(self):
        """The text of the printed page."""
        data = base64.b64decode(self.browser.driver.execute_cdp_cmd("Page.printToPDF", {"printBackground": False})["data"])
        text = browser.pdf_text(data)
        if text is None:
            self.skipTest("pdftotext is not installed")
        return text

    def test_print_holds_all_views(self):
        page = self.open("whole", "theme=dark&case=prompt-2")
        page.wait("return document.documentElement.dataset.all")
        text = self.printed()
        digest = "c099142bc318"
        for wanted in ["kjv-gpt2: where the answer appears", digest, "case prompt-2", "lens_equals_logits", "Trajectory of probability", "prompt-3", "question “components”",
                       "model.safetensors", "lensbench verify made.h5"]:
            self.assertIn(wanted, text)
        self.assertNotIn("figure command", text)
        # Back on the screen the page is dark again and shows one view.
        self.assertEqual(page.run("return [document.documentElement.dataset.theme, document.querySelectorAll('[role=tabpanel]:not([hidden])').length]"), ["dark", 1])

    def test_no_view_is_split_in_print(self):
        page = self.open("whole", "case=prompt-2")
        page.wait("return document.documentElement.dataset.all")
        count = page.run("""const frames = [...document.querySelectorAll('.frame')];
            const mark = (text) => Object.assign(document.createElement('p'), {textContent: text});
            frames.forEach((frame, i) => { frame.prepend(mark(`begin${i}x`)); frame.append(mark(`end${i}x`)); });
            return frames.length""")
        sheets = {}
        for number, sheet in enumerate(self.printed().split("\f")):
            sheets.update({mark: number for mark in re.findall(r"(?:begin|end)\d+x", sheet)})
        self.assertGreater(len(set(sheets.values())), 5)
        for i in range(count):
            self.assertEqual(sheets[f"begin{i}x"], sheets[f"end{i}x"], f"frame {i}")

    def test_forced_colours_leave_the_colours_that_are_data(self):
        page = self.open("whole", "view=tokens&case=prompt-2&theme=light")
        colours = "return [...panel.querySelectorAll('.chunk .token')].slice(0, 20).map(one => getComputedStyle(one).backgroundColor)"
        before = self.panel(colours)
        self.assertGreater(len(set(before)), 5)
        self.emulate(forced_colors="active")
        self.assertTrue(page.run("return matchMedia('(forced-colors: active)').matches"))
        self.assertEqual(self.panel(colours), before)
        page.state("view=lens&case=prompt-2&theme=light")
        self.assertGreater(self.panel("return new Set(panel.querySelector('.map canvas').getContext('2d').getImageData(0, 0, 400, 100).data).size"), 50)
        bar = "return getComputedStyle(panel.querySelector('.bar i')).backgroundColor"
        self.assertEqual(self.panel(bar), "rgb(74, 63, 181)")
        # The background of the chosen tab is forced, so an outline marks it.
        self.assertEqual(page.run("return [...document.querySelectorAll('[role=tab]')].map(tab => getComputedStyle(tab).outlineStyle === 'solid' && tab.getAttribute('aria-selected') === 'true').filter(Boolean).length"), 1)
        self.assertEqual(page.run("return [...document.querySelectorAll('[role=tab][aria-selected=false]')].filter(tab => getComputedStyle(tab).outlineStyle === 'solid').length"), 0)

    def test_reduced_motion_stops_all_motion(self):
        page = self.open("whole", "view=lens")
        moved = """const node = document.createElement('p'); node.style.transition = 'opacity 1s'; node.style.animation = 'x 1s'; document.body.append(node);
            const found = getComputedStyle(node); const result = [found.transitionDuration, found.animationName]; node.remove(); return result"""
        self.assertEqual(page.run(moved), ["1s", "x"])
        self.emulate(prefers_reduced_motion="reduce")
        self.assertEqual(page.run(moved), ["0s", "none"])

    def test_tab_reaches_each_control_once_in_the_order_of_the_page(self):
        page = self.open("whole", "view=lens&case=prompt-2")
        page.wait("return document.documentElement.dataset.all")
        page.run("window.reached = []; document.addEventListener('focusin', event => reached.push(event.target))")
        for _ in range(60):
            page.keys("\ue004")
            if page.run("return document.activeElement === document.body"):
                break
        self.assertEqual(page.run("return [reached.length > 15, new Set(reached).size === reached.length, reached.filter(one => one.matches('.map')).length]"), [True, True, 1])
        # Each follows the one before in the document, and nothing that can be seen and used is left out.
        self.assertTrue(page.run("return reached.every((one, i) => !i || reached[i - 1].compareDocumentPosition(one) & Node.DOCUMENT_POSITION_FOLLOWING)"))
        left = """return [...document.querySelectorAll('button, a[href], select, input, summary, [tabindex]')].filter(one => one.checkVisibility() && !one.closest('[hidden], dialog') && one.tabIndex >= 0
            && !(one.type === 'radio' && !one.checked) && !reached.includes(one)).map(one => one.outerHTML.slice(0, 80))"""
        self.assertEqual(page.run(left), [])

    def test_the_page_opens_without_a_network(self):
        if subprocess.run(["unshare", "-rn", "true"], stderr=subprocess.DEVNULL).returncode != 0:
            self.skipTest("this user may not make an empty network namespace")
        self.open("whole")
        url = self.browser.run("return location.href").split("#")[0]
        with tempfile.TemporaryDirectory(prefix="lensbench-alone-") as profile:
            page = subprocess.run(["unshare", "-rn", shutil.which("chromium"), *browser.FLAGS, f"--user-data-dir={profile}", "--virtual-time-budget=20000", "--dump-dom", url],
                                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True).stdout
        self.assertIn('data-ready="true"', page)
        self.assertNotIn("data-error", page)
        self.assertIn('id="tab-patching"', page)

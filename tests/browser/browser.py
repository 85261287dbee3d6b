"""Opens made-up pages in Chromium, for the tests of this folder."""
import base64
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

SKIPPED = 77
FLAGS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
         "--disable-background-networking", "--disable-component-update", "--disable-sync", "--force-device-scale-factor=1"]
HERE = pathlib.Path(__file__).parent
# Letters of pinned fonts are drawn alike on all machines, whatever other fonts and settings they have.
PINNED = ["--font-render-hinting=none", "--disable-lcd-text"]
PINNED_FONTS = """<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig><dir>/usr/share/fonts/truetype/dejavu</dir>
<selectfont><rejectfont><glob>*</glob></rejectfont>
<acceptfont><glob>*/DejaVuSans.ttf</glob></acceptfont><acceptfont><glob>*/DejaVuSans-Bold.ttf</glob></acceptfont>
<acceptfont><glob>*/DejaVuSansMono.ttf</glob></acceptfont><acceptfont><glob>*/DejaVuSansMono-Bold.ttf</glob></acceptfont></selectfont>
<alias><family>sans-serif</family><prefer><family>DejaVu Sans</family></prefer></alias>
<alias><family>system-ui</family><prefer><family>DejaVu Sans</family></prefer></alias>
<alias><family>monospace</family><prefer><family>DejaVu Sans Mono</family></prefer></alias>
<cachedir>FOLDER</cachedir></fontconfig>"""


def skip(reason):
    print(f"SKIPPED: {reason}")
    sys.exit(SKIPPED)


def programs():
    """Paths of Chromium and its driver; ends the run as skipped if one is missing."""
    try:
        import selenium  # noqa: F401
    except ImportError:
        skip("python3-selenium is not installed")
    found = shutil.which("chromium"), shutil.which("chromedriver")
    if not all(found):
        skip("chromium or chromium-driver is not installed")
    return found


class Browser:
    """A Chromium with a profile of its own, which is removed at the end; `pinned`: with pinned fonts."""

    def __init__(self, pinned=False):
        from selenium import webdriver
        from selenium.webdriver.chrome.service import Service
        chromium, driver = programs()
        self.profile = tempfile.mkdtemp(prefix="lensbench-browser-")
        options = webdriver.ChromeOptions()
        options.binary_location = chromium
        environment = dict(os.environ)
        if pinned:
            environment["FONTCONFIG_FILE"] = f"{self.profile}/fonts.conf"
            pathlib.Path(environment["FONTCONFIG_FILE"]).write_text(PINNED_FONTS.replace("FOLDER", f"{self.profile}/fonts"))
        for flag in FLAGS + (PINNED if pinned else []) + [f"--user-data-dir={self.profile}"]:
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(service=Service(driver, env=environment), options=options)
        self.driver.set_script_timeout(120)
        self.width(1400)

    def width(self, pixels, height=900):
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                                    {"width": pixels, "height": height, "deviceScaleFactor": 1, "mobile": False})

    def open(self, path, state="", seconds=60):
        """Opens a page of a file and waits until its first view is drawn."""
        self.open_url(pathlib.Path(path).as_uri(), state, seconds)

    def open_url(self, url, state="", seconds=60):
        """Opens a page and waits until it is ready."""
        self.driver.get("about:blank")
        self.driver.get_log("browser")
        self.driver.get_log("performance")
        self.driver.get(f"{url}{'#' + state if state else ''}")
        self.wait("return document.documentElement.dataset.ready || document.documentElement.dataset.error", seconds)
        error = self.run("return document.documentElement.dataset.error")
        assert not error, error

    def wait(self, script, seconds=60):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            value = self.run(script)
            if value:
                return value
            time.sleep(0.02)
        raise AssertionError(f"not true after {seconds} s: {script}")

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def state(self, state):
        """Sets what the page shows, as a link would, and waits for the view to settle."""
        self.run("location.hash = arguments[0]", state)
        self.driver.execute_async_script("const done = arguments[0]; setTimeout(() => requestAnimationFrame(() => requestAnimationFrame(done)), 150)")

    def picture(self):
        """The whole page as a PNG file, also what is below the window."""
        width, height = self.run("return [document.documentElement.clientWidth, Math.ceil(document.documentElement.getBoundingClientRect().height)]")
        shot = self.driver.execute_cdp_cmd("Page.captureScreenshot", {
            "format": "png", "captureBeyondViewport": True, "clip": {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}})
        return base64.b64decode(shot["data"])

    def keys(self, *names):
        from selenium.webdriver.common.action_chains import ActionChains
        ActionChains(self.driver).send_keys(*names).perform()

    def live(self):
        return self.run("return document.getElementById('live').textContent")

    def violations(self):
        """What axe-core finds in the page by all of its rules; the page must have its script."""
        return self.driver.execute_async_script(
            """const done = arguments[0]; axe.run(document, {resultTypes: ['violations']}).then(r => done(r.violations.map(v => [v.id, v.help, v.nodes.slice(0, 3).map(n => n.html.slice(0, 160) + ' ' + (n.any[0] || n.all[0] || n.none[0] || {}).message)])), e => done([['error', String(e), []]]))""")

    def errors(self):
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] == "SEVERE"]

    def close(self):
        self.driver.quit()
        shutil.rmtree(self.profile, ignore_errors=True)


def pdf_text(data):
    """The text of a PDF file, or None where pdftotext is not installed."""
    if not shutil.which("pdftotext"):
        return None
    with tempfile.NamedTemporaryFile(suffix=".pdf") as file:
        file.write(data)
        file.flush()
        return subprocess.run(["pdftotext", "-layout", file.name, "-"], check=True, capture_output=True, text=True).stdout

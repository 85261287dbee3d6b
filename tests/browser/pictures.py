"""usage: pictures.py BUNDLE_FOLDER

Tests of whole pictures; browser_test.py runs them. A picture is cut into blocks, and the mean colour of
each is compared, so that a move of a letter is seen and another rounding of a pixel is not.

The maps are compared with pictures that numpy draws from the values with the colours of matplotlib. For
whole views nothing else can draw what is expected: their pictures in `golden` are those that a person has
looked at. This program writes the pictures of `golden` anew. Before that, look at those that screenshots.py
writes, and after it at `git diff --stat tests/browser/golden`: only views that were meant to change may be
there. The fonts are pinned (see browser.py); another version of Chromium may draw letters otherwise.
"""
import base64
import io
import pathlib
import sys
import tempfile

import browser
import made_data
from make_pages import make

GOLDEN = pathlib.Path(__file__).parent / "golden"
# Part of the range of a colour by which the mean of a block may differ.
TOLERANCE = 0.005
BLOCK = 20
WIDTH = 1000
# The dark theme changes colours alone: one view with a map, with a chart, with text, with tables.
DARK = ["lens", "attribution", "tokens", "receipts"]


def block_means(picture):
    """Mean colours of blocks of an array of [row, column, colour], the last ones possibly smaller."""
    import numpy as np
    height, width = picture.shape[:2]
    down, across = np.arange(0, height, BLOCK), np.arange(0, width, BLOCK)
    sums = np.add.reduceat(np.add.reduceat(picture.astype(float), down, axis=0), across, axis=1)
    sizes = np.outer(np.diff(np.append(down, height)), np.diff(np.append(across, width)))
    return sums / sizes[:, :, None]


def array_of(data):
    """The colours of a PNG file."""
    import numpy as np
    from PIL import Image
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def shot(page, path, view, theme):
    """The block means of a view of a page of a file, which is opened if it is not open."""
    if page.run("return location.href").partition("#")[0] != path.as_uri():
        page.open(path)
        page.wait("return document.documentElement.dataset.all")
    page.state(f"view={view}&theme={theme}")
    return block_means(array_of(page.picture()))


def names_of_views(views):
    """Page, view and theme of each golden picture."""
    return ([("whole", view, "light") for view in views] + [("whole", view, "dark") for view in DARK]
            + [("comparison", "comparison", "light"), ("blank", "lens", "light")])


def file_of(name, view, theme):
    return GOLDEN / f"{name}-{view}-{theme}.png"


def worst(found, wanted):
    """The largest difference of block means, as a part of the range, and the place of its block."""
    import numpy as np
    if found.shape != wanted.shape:
        return 1.0, f"{found.shape[1]} x {found.shape[0]} blocks, expected {wanted.shape[1]} x {wanted.shape[0]}"
    differences = np.abs(found - wanted).max(axis=2) / 255
    down, across = np.unravel_index(differences.argmax(), differences.shape)
    return differences.max(), f"pixel {across * BLOCK}, {down * BLOCK}"


class PictureTests:
    """Tests for a class with `open`, `panel`, `browser` and `page_file`; the browser has pinned fonts."""

    def test_whole_views_look_as_they_did(self):
        self.browser.width(WIDTH)
        for name, view, theme in names_of_views(self.views):
            with self.subTest(page=name, view=view, theme=theme):
                difference, place = worst(shot(self.browser, self.page_file(name), view, theme),
                                          array_of(file_of(name, view, theme).read_bytes()))
                self.assertLessEqual(difference, TOLERANCE, f"{place}; if this is meant, see pictures.py")

    def test_a_word_that_moves_by_three_pixels_is_another_picture(self):
        self.browser.width(WIDTH)
        before = shot(self.browser, self.page_file("whole"), "tables", "light")
        self.addCleanup(self.browser.driver.get, "about:blank")
        self.assertEqual(worst(block_means(array_of(self.browser.picture())), before)[0], 0)
        self.panel("Object.assign(panel.querySelector('tbody th').style, {position: 'relative', left: '3px'})")
        self.assertGreater(worst(block_means(array_of(self.browser.picture())), before)[0], TOLERANCE)

    def check_map(self, view, result, colours, at):
        """Compares a map without texts in its cells with the colours of its values. `at(row, column)` is the
        place of a value in 0 to 1, or None where a cell is not compared; rows are counted downwards."""
        import numpy as np
        self.browser.width(320)
        self.browser.open(self.page_file("whole"), f"view={view}&theme=light")
        data, rows, columns, geometry = self.panel(f"""const frame = [...panel.querySelectorAll('.frame')].find(one => one.querySelector('h3').textContent.startsWith('{result}'));
            const map = frame.querySelector('.map'); const [, rows, columns] = map.getAttribute('aria-label').match(/(\\d+) [\\w ]*by (\\d+)/);
            return [map.querySelector('canvas').toDataURL(), Number(rows), Number(columns), map.dataset.geometry.split(',').map(Number)]""")
        left, top, width, height = geometry[:4]
        self.assertLess(width, 38, "the cells have texts")
        found = array_of(base64.b64decode(data.partition(",")[2]))
        wanted = np.array(found)
        # Cells leave a line of one pixel free where they are large.
        gap = 1 if min(width, height) >= 12 else 0
        x, y = [[int(start + k * size + 0.5) for k in range(count + 1)] for start, size, count in ((left, width, columns), (top, height, rows))]
        for i, j in np.ndindex(rows, columns):
            if at(i, j) is not None:
                wanted[y[i]:y[i + 1] - gap, x[j]:x[j + 1] - gap] = colours(int(255 * at(i, j) + 0.5), bytes=True)[:3]
        inside = np.s_[y[0]:y[-1], x[0]:x[-1]]
        difference, place = worst(block_means(found[inside]), block_means(wanted[inside]))
        self.assertLessEqual(difference, TOLERANCE, place)
        self.assertGreater(np.ptp(wanted[inside]), 150)

    def test_a_map_of_both_signs_has_the_colours_of_matplotlib(self):
        from matplotlib import colormaps
        import numpy as np
        # Effects k (1 + layer) / 40 of k = -3 to 3, layers 0 to 11 upwards, as float32.
        effect = lambda i, j: float(np.float32((j - 3) * (12 - i) / 40))
        self.check_map("maps", "steering", colormaps["PuOr"], lambda i, j: 0.5 + effect(i, j) / effect(0, 6) / 2)

    def test_a_map_of_attention_has_the_colours_of_matplotlib(self):
        from matplotlib import colormaps
        page, index = made_data.whole()
        result = next(one for one in index["archives"][0]["results"] if one["name"] == "attention")
        part = result["variables"][0]["parts"][0]
        n = part["shape"][-1]
        head = page.values(part["block"])[:n * n]
        # Later tokens cannot be looked at: their cells are blank.
        self.check_map("attention", "attention", colormaps["viridis"], lambda i, j: head[i * n + j] / max(head) if j <= i else None)


def main():
    from browser_test import VIEWS
    GOLDEN.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="lensbench-pages-") as folder:
        page = browser.Browser(pinned=True)
        page.width(WIDTH)
        made = {name: make(name, pathlib.Path(sys.argv[1]), pathlib.Path(folder)) for name in ("whole", "comparison", "blank")}
        for name, view, theme in names_of_views(VIEWS):
            means = shot(page, made[name], view, theme)
            from PIL import Image
            Image.fromarray(means.round().astype("uint8")).save(file_of(name, view, theme), optimize=True)
        page.close()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main()

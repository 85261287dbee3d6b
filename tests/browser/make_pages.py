"""usage: make_pages.py BUNDLE_FOLDER OUT_FOLDER [PAGE...]

Writes the made-up pages of made_data.py with page.js, start.js and page.css of BUNDLE_FOLDER.
"""
import pathlib
import sys

from made_data import PAGES


def make(name, bundle, out):
    page, index = PAGES[name]()
    text = page.write(index, *((bundle / name).read_text() for name in ("page.js", "start.js", "page.css")))
    path = out / f"{name}.html"
    path.write_text(text)
    return path


if __name__ == "__main__":
    bundle_folder, out_folder = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    out_folder.mkdir(parents=True, exist_ok=True)
    for page_name in sys.argv[3:] or PAGES:
        print(make(page_name, bundle_folder, out_folder))

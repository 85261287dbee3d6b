"""usage: screenshots.py OUT_FOLDER PAGE.html... [--widths 320,1600] [--themes light,dark]

Writes a picture of every view of pages of `lensbench report`, in each width and theme, to look at: the
folder OUT_FOLDER/PAGE has a file VIEW-THEME-WIDTH.png for each, and OUT_FOLDER sheets
PAGE-THEME-WIDTH-NUMBER.png of all views side by side. Needs Chromium (see browser.py) and python3-pil.
"""
import argparse
import io
import pathlib

import browser
from PIL import Image, ImageDraw

# Sides of a sheet in pixels; it shows pictures of a phone as they are, and wide ones at half of their size.
SHEET = 1560


def views(page):
    """The views of an open page that have data."""
    return page.run("return [...document.querySelectorAll('[role=tab]')].map(tab => tab.id.replace('tab-', ''))")


def pieces(name, picture, scale):
    """A picture in parts that are not taller than a sheet, each under its name."""
    small = picture.resize((picture.width // scale, picture.height // scale), Image.LANCZOS) if scale > 1 else picture
    for top in range(0, small.height, SHEET - 16):
        part = small.crop((0, top, small.width, min(small.height, top + SHEET - 16)))
        titled = Image.new("RGB", (part.width, part.height + 16), "#cccccc")
        ImageDraw.Draw(titled).text((2, 2), f"{name}{f' from {top * scale}' if top else ''}", fill="#000000")
        titled.paste(part, (0, 16))
        yield titled


def sheets(pictures, width):
    """Pictures `(name, picture)` of one width on as few sheets as columns from top to bottom need."""
    scale = 1 if width <= 480 else 2
    made, x, y = [], 0, 0
    for part in (part for name, picture in pictures for part in pieces(name, picture, scale)):
        if made and y + part.height > SHEET:
            x, y = x + part.width + 8, 0
        if not made or x + part.width > SHEET + 50:
            made.append(Image.new("RGB", (SHEET + 50, SHEET), "#888888"))
            x, y = 0, 0
        made[-1].paste(part, (x, y))
        y += part.height + 8
    return made


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split("\n", 1)[0].removeprefix("usage: "))
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("pages", type=pathlib.Path, nargs="+")
    parser.add_argument("--widths", default="320,1600")
    parser.add_argument("--themes", default="light,dark")
    given = parser.parse_args()
    page = browser.Browser()
    try:
        for path in given.pages:
            folder = given.out / path.stem
            folder.mkdir(parents=True, exist_ok=True)
            for width in map(int, given.widths.split(",")):
                page.width(width)
                for theme in given.themes.split(","):
                    page.open(path.resolve(), f"theme={theme}")
                    pictures = []
                    for view in views(page):
                        page.state(f"view={view}&theme={theme}")
                        data = page.picture()
                        (folder / f"{view}-{theme}-{width}.png").write_bytes(data)
                        pictures.append((view, Image.open(io.BytesIO(data)).convert("RGB")))
                    for number, one in enumerate(sheets(pictures, width)):
                        one.save(given.out / f"{path.stem}-{theme}-{width}-{number}.png")
    finally:
        page.close()


if __name__ == "__main__":
    main()

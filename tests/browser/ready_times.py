"""usage: ready_times.py PAGE.html...

Prints how long Chromium needs from the address of each page to its first view, with the limit.
"""
import sys

import browser

LIMIT = 1500  # milliseconds

if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    page = browser.Browser()
    for path in sys.argv[1:]:
        page.open(path)
        print(f"{path}: ready after {page.run('return document.documentElement.dataset.readyAfter')} ms (limit {LIMIT} ms)")
    page.close()

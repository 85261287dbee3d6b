"""Writes the committed samples of tests/data/models anew.

    python tests/parity/make_samples.py [--family F]... [DIRECTORY]
"""

import argparse
from pathlib import Path

from families import FAMILIES
from reference_models import write_sample

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--family", action="append", choices=FAMILIES, help="default: every one")
    parser.add_argument("directory", nargs="?", type=Path, default=Path(__file__).parents[1] / "data" / "models")
    arguments = parser.parse_args()
    for family in arguments.family or FAMILIES:
        for name in FAMILIES[family].samples:
            target = arguments.directory / name
            write_sample(FAMILIES[family], name, target)
            print(name, sum(f.stat().st_size for f in target.iterdir()), "bytes")

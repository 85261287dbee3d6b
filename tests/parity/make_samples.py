"""Writes the committed samples of tests/data/models anew.

    python tests/parity/make_samples.py [DIRECTORY]
"""

import sys
from pathlib import Path

from reference_models import SAMPLES, write_sample

if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[1] / "data" / "models"
    for name in SAMPLES:
        write_sample(name, target / name)
        print(name, sum(f.stat().st_size for f in (target / name).iterdir()), "bytes")

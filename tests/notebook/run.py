#!/usr/bin/env python3
"""Tests the Python package of python/ against the command lensbench.

usage: run.py LENSBENCH MODEL [unittest options and names, such as -v archive_test]

Needs xarray, h5netcdf, h5py and pandas (python3-xarray, python3-h5netcdf, which brings h5py); ends with
77 where one of them is not installed. The example notebook is run where nbclient and ipykernel are installed.
"""

import os
import pathlib
import sys
import unittest

SKIPPED = 77
HERE = pathlib.Path(__file__).resolve().parent


def main():
    if len(sys.argv) < 3 or sys.argv[1].startswith("-"):
        raise SystemExit(__doc__)
    try:
        import h5netcdf  # noqa: F401
        import h5py  # noqa: F401
        import pandas  # noqa: F401
        import xarray
    except ImportError as error:
        print(f"SKIPPED: {error.name} is not installed")
        sys.exit(SKIPPED)
    os.environ["LENSBENCH"] = str(pathlib.Path(sys.argv[1]).resolve())
    os.environ["LENSBENCH_TEST_MODEL"] = str(pathlib.Path(sys.argv[2]).resolve())
    # Also for the processes that tests start.
    os.environ["PYTHONPATH"] = os.pathsep.join([str(HERE.parents[1] / "python"), str(HERE)])
    sys.path[:0] = [str(HERE.parents[1] / "python"), str(HERE)]
    print(f"Python {sys.version.split()[0]}, xarray {xarray.__version__}", flush=True)
    names = sys.argv[3:]
    if not any(not name.startswith("-") for name in names):
        names += sorted(path.stem for path in HERE.glob("*_test.py"))
    unittest.main(module=None, argv=["run.py", *names])


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Tests the Python package with the newest xarray, h5netcdf and pandas of the Python Package Index.

usage: notebook_package.py LENSBENCH MODEL [VENV]

Makes a virtual environment (VENV, or a temporary one), installs the newest releases with pip, the
package itself from a copy of python/, and runs tests/notebook there. ctest runs the same tests with the
packages of the system; this program needs a network and is run by hand.
"""

import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
PACKAGES = ["xarray", "h5netcdf", "h5py", "pandas", "setuptools", "wheel", "nbclient", "ipykernel", "matplotlib"]


def main():
    if len(sys.argv) not in (3, 4) or sys.argv[1].startswith("-"):
        raise SystemExit(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        venv = pathlib.Path(sys.argv[3] if len(sys.argv) == 4 else f"{folder}/venv").resolve()
        python = str(venv / "bin" / "python")
        # The build writes into its source.
        source = shutil.copytree(ROOT / "python", pathlib.Path(folder) / "source")
        for command in [[sys.executable, "-m", "venv", str(venv)],
                        [python, "-m", "pip", "install", "--quiet", "--upgrade", *PACKAGES],
                        [python, "-m", "pip", "install", "--quiet", "--no-deps", str(source)],
                        [python, "-m", "pip", "list", "--format=freeze"]]:
            subprocess.run(command, check=True)
        tests = ROOT / "tests" / "notebook" / "run.py"
        sys.exit(subprocess.run([python, str(tests), *sys.argv[1:3]], check=False).returncode)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Opens an archive the way its readers do and says whether everything is there.

usage: archive_opens.py ARCHIVE.h5

Every group under /results through xarray (h5netcdf) with index coordinates and labels, every
variable's units and long_name, h5py, and h5dump where it is installed. Needs h5py, h5netcdf, xarray.
"""

import shutil
import subprocess
import sys
import warnings

import h5py
import xarray

GROUPS = ["recipe", "results", "receipts", "vocabulary", "environment", "run", "units"]
DIGESTS = ["results_sha256", "recipe_sha256", "environment_sha256", "seal_sha256"]
BOOKKEEPING = "This is a netCDF dimension but not a netCDF variable"


def check(condition, message):
    if not condition:
        raise SystemExit(f"FAILED: {message}")


def check_h5py(path):
    """The tree, its types and filters; returns the names of the results."""
    with h5py.File(path) as file:
        check(file.attrs["Conventions"] == "lensbench-1.0", "Conventions")
        for name in DIGESTS:
            check(len(file.attrs[name]) == 64, name)
        for group in GROUPS:
            check(isinstance(file.get(group), h5py.Group), f"/{group}")

        def visit(name, item):
            if not isinstance(item, h5py.Dataset):
                return
            check("/" in name, f"/{name}: a dataset in the root")
            check(item.id.get_create_plist().get_external_count() == 0, f"{name}: external storage")
            if h5py.h5ds.is_scale(item.id) and BOOKKEEPING in h5py.h5ds.get_scale_name(item.id).decode():
                return
            if item.dtype.kind == "O":
                check(h5py.check_string_dtype(item.dtype).encoding == "utf-8", f"{name}: encoding")
            if item.ndim and item.size and item.dtype.kind != "O":
                check(item.fletcher32, f"{name}: no checksum")
            if item.ndim:
                check("units" in item.attrs and "long_name" in item.attrs, f"{name}: units, long_name")
            check("_FillValue" not in item.attrs, f"{name}: _FillValue")

        file.visititems(visit)
        return list(file["results"])


def check_xarray(path, group):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        dataset = xarray.open_dataset(path, group=group, engine="h5netcdf").load()
    for name, variable in dataset.variables.items():
        check(len(set(variable.dims)) == len(variable.dims), f"{group}/{name}: a dimension twice")
        check("units" in variable.attrs or not variable.dims, f"{group}/{name}: no units")
    if "token" in dataset.dims:
        for name in ["case", "position", "input_id", "input_token"]:
            check(name in dataset.coords, f"{group}: no coordinate {name}")
        check(dataset["input_token"].dtype.kind in "OTU", f"{group}: input_token is not text")
        check("token" in dataset.indexes, f"{group}: no index on token")
    if "layer" in dataset.dims:
        check("layer" in dataset.indexes, f"{group}: no index on layer")
    return dataset


def main():
    path = sys.argv[1]
    for name in check_h5py(path):
        print(check_xarray(path, f"results/{name}"))
    for group in ["recipe", "receipts", "vocabulary", "environment", "run", "units"]:
        check_xarray(path, group)
    if shutil.which("h5dump"):
        subprocess.run(["h5dump", path], check=True, stdout=subprocess.DEVNULL)
        print("h5dump reads it")
    else:
        print("h5dump is not installed (hdf5-tools): skipped")
    print("OK")


if __name__ == "__main__":
    main()

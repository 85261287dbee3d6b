#!/usr/bin/env python3
"""Opens archives the way their readers do and says whether everything is there.

usage: archive_opens.py ARCHIVE.h5...
       archive_opens.py --make LENSBENCH MODEL     archives of every shipped tool and an experiment

Every group through xarray (h5netcdf and netcdf4) with index coordinates, labels and units, every
variable's units and long_name and the plot that the root leads to (NeXus: default, signal, axes)
through h5py, the whole file through h5dump and ncdump; and the digests by a second implementation
(archive_digests.py). Exit code 77 where one of them is not installed (python3-xarray, python3-h5netcdf, python3-netcdf4, netcdf-bin,
hdf5-tools).
"""

import pathlib
import shutil
import subprocess
import sys
import tempfile
import warnings

SKIPPED = 77
TABLES = ["recipe", "receipts", "vocabulary", "environment", "run", "units"]
DIGESTS = ["results_sha256", "recipe_sha256", "environment_sha256", "seal_sha256"]
BOOKKEEPING = "This is a netCDF dimension but not a netCDF variable"

try:
    import h5netcdf  # noqa: F401
    import h5py
    import netCDF4  # noqa: F401
    import xarray
except ImportError as error:
    print(f"SKIPPED: {error.name} is not installed")
    sys.exit(SKIPPED)
from archive_digests import check_digests  # noqa: E402

for program in ["h5dump", "ncdump"]:
    if not shutil.which(program):
        print(f"SKIPPED: {program} is not installed")
        sys.exit(SKIPPED)


def check(condition, message):
    if not condition:
        raise SystemExit(f"FAILED: {message}")


def text_of(value):
    return value.decode() if isinstance(value, bytes) else value


def check_plot(name, group):
    """A group of results is NXdata: its signal exists, and every axis is labelled or `.`."""
    check(text_of(group.attrs["NX_class"]) == "NXdata", f"{name}: NX_class")
    signal = group[text_of(group.attrs["signal"])]
    coordinates = str(text_of(group.attrs.get("coordinates", ""))).split()
    check(signal.name.split("/")[-1] not in coordinates, f"{name}: the signal is a coordinate")
    check(not h5py.h5ds.is_scale(signal.id), f"{name}: the signal is a dimension")
    numbers = [item for item in group.values() if item.dtype.kind != "O" and not h5py.h5ds.is_scale(item.id)
               and item.name.split("/")[-1] not in coordinates]
    check(signal.dtype.kind != "O" or not numbers, f"{name}: the signal is text")
    axes = [text_of(axis) for axis in group.attrs.get("axes", [])]
    check(len(axes) == signal.ndim, f"{name}: {len(axes)} axes, the signal has {signal.ndim}")
    for axis, label in enumerate(axes):
        scale = signal.dims[axis][0]
        bare = BOOKKEEPING in h5py.h5ds.get_scale_name(scale.id).decode()
        expected = "." if bare else scale.name.split("/")[-1]
        check(label == expected, f"{name}: axis {axis} is {label}, expected {expected}")
        check(label == "." or group[label].shape == (signal.shape[axis],), f"{name}: length of {label}")


def check_default_plot(file):
    """Follows `default` from the root to a group of NXdata, as NeXus readers do."""
    classes = []
    group = file
    while True:
        classes.append(text_of(group.attrs["NX_class"]))
        if "default" not in group.attrs:
            break
        group = group[text_of(group.attrs["default"])]
    check(classes == ["NXroot", "NXentry", "NXdata"], f"default leads through {classes}")


def check_h5py(path):
    """The tree, its types and filters; returns the names of the results."""
    with h5py.File(path) as file:
        check(file.attrs["Conventions"] == "lensbench-1.0", "Conventions")
        for name in DIGESTS:
            check(len(file.attrs[name]) == 64, name)
        for group in [*TABLES, "results"]:
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
        check(file.attrs["format_version"] == 2, "format_version")
        check_default_plot(file)
        for name, group in file["results"].items():
            check_plot(name, group)
        return list(file["results"])


def open_with(path, group, engine):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # The extension module of netCDF4 may have been built with another numpy's headers.
        warnings.filterwarnings("ignore", message="numpy.ndarray size changed")
        return xarray.open_dataset(path, group=group, engine=engine).load()


def check_xarray(path, group):
    dataset = open_with(path, group, "h5netcdf")
    check(dataset.identical(open_with(path, group, "netcdf4")), f"{group}: the engines differ")
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
    if "entropy" in dataset:
        check(dataset["entropy"].attrs["units"] == "nats", f"{group}/entropy: units")
        check(not (dataset["entropy"] < 0).any(), f"{group}/entropy: negative")
    return dataset


def check_archive(path):
    names = check_h5py(path)
    check(names, f"{path}: no results")
    for group in [f"results/{name}" for name in names] + TABLES:
        dataset = check_xarray(path, group)
        print(f"  {group}: {dict(dataset.sizes)}, {len(dataset.variables)} variables")
    for program in ["h5dump", "ncdump"]:
        subprocess.run([program, path], check=True, stdout=subprocess.DEVNULL)
    header = subprocess.run(["ncdump", "-h", path], check=True, capture_output=True, text=True).stdout
    for name in names:
        check(f"group: {name} {{" in header, f"ncdump does not show {name}")
    check("units" in header and "coordinates" in header, "ncdump shows no units or coordinates")
    check_digests(path)
    print(f"  {pathlib.Path(path).name} has the digests it says, and opens in h5py, xarray (h5netcdf, netcdf4), h5dump, ncdump")


def make_archives(lensbench, model, folder):
    prompts = ["--prompt", "In the beginning", "--prompt", "ünï▁c → 你好", "--ids", "1 2 3"]
    runs = {
        "lens": ["tool", "logit_lens", "--profile"],
        "attribution": ["tool", "layer_attribution"],
        "tokens": ["tool", "token_analyzer", "--set", "max_new_tokens=3"],
        "activations": ["tool", "activations", "--set", "hooks=blocks.*.attn.hook_pattern,resid_post"],
        "trajectory": ["run", "prediction_trajectory"],
    }
    for name, command in runs.items():
        path = str(pathlib.Path(folder) / f"{name}.h5")
        subprocess.run([lensbench, *command, "--model", model, *prompts, "--threads", "1", "--quiet", "--out", path],
                       check=True)
        yield path


def main():
    if len(sys.argv) == 4 and sys.argv[1] == "--make":
        with tempfile.TemporaryDirectory() as folder:
            for path in make_archives(sys.argv[2], sys.argv[3], folder):
                check_archive(path)
    elif len(sys.argv) > 1 and not sys.argv[1].startswith("-"):
        for path in sys.argv[1:]:
            check_archive(path)
    else:
        raise SystemExit(__doc__)
    print("OK")


if __name__ == "__main__":
    main()

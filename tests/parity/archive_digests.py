#!/usr/bin/env python3
"""Computes the digests of an archive anew, from what h5py reads and what docs/archive.md says.

usage: archive_digests.py ARCHIVE.h5...

A second implementation that shares nothing with lensbench: results, recipe, environment, seal and,
from format 2 on, cases must be those that the file holds.
"""

import hashlib
import struct
import sys

import h5py
import numpy as np

DIGESTS = ["results_sha256", "recipe_sha256", "environment_sha256", "seal_sha256"]
BOOKKEEPING = {"CLASS", "NAME", "DIMENSION_LIST", "REFERENCE_LIST", "DIMENSION_LABELS", "_Netcdf4Dimid",
               "_Netcdf4Coordinates", "_NCProperties"}
BARE = b"This is a netCDF dimension but not a netCDF variable"


def number(value):
    return struct.pack("<Q", value & (2**64 - 1))


def text(value):
    data = value if isinstance(value, bytes) else value.encode()
    return number(len(data)) + data


def attribute(value):
    if isinstance(value, (str, bytes)):
        return number(2) + text(value)
    if isinstance(value, np.integer):
        return number(0) + number(int(value))
    if isinstance(value, np.floating):
        return number(1) + struct.pack("<d", value)
    return number(3) + number(len(value)) + b"".join(text(one) for one in value)


def attributes(item):
    names = sorted(name for name in item.attrs if name not in BOOKKEEPING and name not in DIGESTS)
    return number(len(names)) + b"".join(text(name) + attribute(item.attrs[name]) for name in names)


def last(path):
    return path.rsplit("/", 1)[-1]


def of_dataset(file, path, item):
    is_text = item.dtype.kind == "O"
    is_scale = item.attrs.get("CLASS") == b"DIMENSION_SCALE"
    names = [last(path)] if is_scale else [last(file[item.attrs["DIMENSION_LIST"][axis][0]].name)
                                           for axis in range(item.ndim)]
    content = hashlib.sha256(b"\0" + text(path))
    content.update(text("str" if is_text else f"{item.dtype.kind}{8 * item.dtype.itemsize}"))
    content.update(number(item.ndim) + b"".join(map(text, names)) + b"".join(map(number, item.shape)))
    if is_text:
        for one in np.ravel(item[()]):
            content.update(text(one))
    elif not (is_scale and item.attrs["NAME"].startswith(BARE)):
        content.update(np.asarray(item[()]).tobytes())
    content.update(attributes(item))
    return content.digest()


def of_group(file, path, group):
    content = hashlib.sha256(b"\1" + text(path or "/") + attributes(group))
    content.update(number(len(group)))
    for name in sorted(group):
        below = f"{path}/{name}"
        digest = of_group if isinstance(group[name], h5py.Group) else of_dataset
        content.update(text(name) + digest(file, below, group[name]))
    return content.digest()


def of_cases(recipe):
    """Digest of the values of the columns of the cases; their names and attributes are left out."""
    before, after = ["case_id", "text"], ["ids_sha256", "corrupted_text", "corrupted_ids_sha256", "fields"]
    content = hashlib.sha256(b"\2" + number(len(recipe["case_id"])))
    for row in range(len(recipe["case_id"])):
        content.update(b"".join(text(recipe[name][row]) for name in before))
        content.update(number(int(recipe["n_tokens"][row])))
        content.update(b"".join(text(recipe[name][row]) for name in after))
        if "image_case" in recipe:
            content.update(b"".join(text(digest) for digest, case in zip(recipe["image_file_sha256"], recipe["image_case"])
                                    if case == row))
    return content.hexdigest()


def check_digests(path):
    with h5py.File(path) as file:
        if file.attrs["format_version"] >= 2 and of_cases(file["recipe"]) != file.attrs["cases_sha256"]:
            raise SystemExit(f"{path}: cases_sha256 is {file.attrs['cases_sha256']}, "
                             f"computed {of_cases(file['recipe'])}")
        for name in DIGESTS:
            group = "" if name == "seal_sha256" else "/" + name.removesuffix("_sha256")
            found = of_group(file, group, file[group or "/"]).hex()
            if found != file.attrs[name]:
                raise SystemExit(f"{path}: {name} is {file.attrs[name]}, computed {found}")


if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        raise SystemExit(__doc__)
    for archive in sys.argv[1:]:
        check_digests(archive)
    print("OK")

"""Recomputes the digests of an archive from its content, with h5py alone.

A second implementation, which shares nothing with lensbench; docs/archive.md describes what a
digest covers. `Archive.verify` runs this file as a program, because HDF5 may crash or hang on a
damaged file, which would end the notebook:

    python3 _digests.py ARCHIVE.h5      prints a JSON object: `damage` (null if intact) and `digests`
"""

import hashlib
import json
import struct
import sys
from collections.abc import Iterator
from typing import Any

import h5py
import numpy as np

ROOTS = {"results_sha256": "/results", "recipe_sha256": "/recipe", "environment_sha256": "/environment"}
BOOKKEEPING = {"CLASS", "NAME", "DIMENSION_LIST", "REFERENCE_LIST", "DIMENSION_LABELS", "_Netcdf4Dimid",
               "_Netcdf4Coordinates", "_NCProperties", *ROOTS, "seal_sha256"}
WITHOUT_VALUES = b"This is a netCDF dimension but not a netCDF variable"
BLOCK_BYTES = 1 << 24


class Damage(Exception):  # noqa: N818
    """Content that differs from its digest or cannot be read; the arguments are part and reason."""


def _number(value: int) -> bytes:
    return struct.pack("<Q", value & (2**64 - 1))


def _text(value: str | bytes) -> bytes:
    data = value if isinstance(value, bytes) else value.encode("utf-8", "surrogateescape")
    return _number(len(data)) + data


def _attribute(value: Any) -> bytes:
    if isinstance(value, (str, bytes)):
        return _number(2) + _text(value)
    if isinstance(value, np.integer):
        return _number(0) + _number(int(value))
    if isinstance(value, np.floating):
        return _number(1) + struct.pack("<d", value)
    return _number(3) + _number(len(value)) + b"".join(map(_text, value))


def _attributes(item: Any) -> bytes:
    names = sorted(name for name in item.attrs if name not in BOOKKEEPING)
    return _number(len(names)) + b"".join(_text(name) + _attribute(item.attrs[name]) for name in names)


def _is_scale(item: Any) -> bool:
    return bool(item.attrs.get("CLASS") == b"DIMENSION_SCALE")


def _blocks(item: Any) -> Iterator[Any]:
    """Values of a dataset in order, about BLOCK_BYTES at a time."""
    if item.ndim == 0:
        yield item[()]
    else:
        rows = max(1, BLOCK_BYTES // max(1, item.dtype.itemsize * int(np.prod(item.shape[1:]))))
        yield from (item[start : start + rows] for start in range(0, item.shape[0], rows))


def _of_dataset(file: Any, path: str, item: Any, scales: dict[Any, str]) -> bytes:
    """Digest of a dataset. `scales` has the names of the dimensions of its group."""
    is_text = item.dtype.kind == "O"
    references = [] if _is_scale(item) else [item.attrs["DIMENSION_LIST"][axis][0] for axis in range(item.ndim)]
    names = [scales[file[one].id] for one in references] or [path.rsplit("/", 1)[1]] * item.ndim
    content = hashlib.sha256(b"\0" + _text(path))
    content.update(_text("str" if is_text else f"{item.dtype.kind}{8 * item.dtype.itemsize}"))
    content.update(_number(item.ndim) + b"".join(map(_text, names)) + b"".join(map(_number, item.shape)))
    if is_text or not (_is_scale(item) and item.attrs["NAME"].startswith(WITHOUT_VALUES)):
        for block in _blocks(item):
            content.update(b"".join(map(_text, np.ravel(block))) if is_text else np.asarray(block).tobytes())
    content.update(_attributes(item))
    return content.digest()


def _collect(file: Any, path: str, group: Any, found: dict[str, str]) -> bytes:
    """Digest of a group; those of everything in it are added to `found` by path."""
    below = path
    try:
        content = hashlib.sha256(b"\1" + _text(path or "/") + _attributes(group) + _number(len(group)))
        items, scales = {}, {}
        for name in sorted(group):
            below = f"{path}/{name}"
            items[name] = group[name]
            if _is_scale(items[name]):
                scales[items[name].id] = name
        for name, item in items.items():
            below = f"{path}/{name}"
            is_group = isinstance(item, h5py.Group)
            digest = _collect(file, below, item, found) if is_group else _of_dataset(file, below, item, scales)
            found[below] = digest.hex()
            content.update(_text(name) + digest)
    except Damage:
        raise
    except Exception as error:
        raise Damage(below or "/", f"cannot be read ({error})") from error
    return content.digest()


def _of_cases(recipe: Any) -> str:
    """Digest of the values of the columns of the cases; their names and attributes are left out."""
    before, after = ["case_id", "text"], ["ids_sha256", "corrupted_text", "corrupted_ids_sha256", "fields"]
    columns = {name: recipe[name][()] for name in [*before, "n_tokens", *after]}
    pictures = list(zip(recipe["image_case"][()], recipe["image_file_sha256"][()])) if "image_case" in recipe else []
    content = hashlib.sha256(b"\2" + _number(len(columns["case_id"])))
    for row in range(len(columns["case_id"])):
        first, last = (b"".join(_text(columns[name][row]) for name in names) for names in (before, after))
        content.update(first + _number(int(columns["n_tokens"][row])) + last)
        content.update(b"".join(_text(digest) for case, digest in pictures if case == row))
    return content.hexdigest()


def _first_difference(file: Any, found: dict[str, str]) -> str:
    """The first of the deepest parts that differ from the table of digests in /units."""
    paths, digests = (file["units"][name].asstr()[()] for name in ("place_path", "place_sha256"))
    stored = {str(path): str(digest) for path, digest in zip(paths, digests, strict=True)}
    changed = {path for path in stored if found.get(path) != stored[path]}
    changed |= {path for path in found if path not in stored and not path.startswith("/units")}
    deepest = [path for path in changed if not any(other.startswith(path + "/") for other in changed)]
    return min(deepest, default="/units, or an attribute of the root,")


def check(path: str) -> dict[str, str]:
    """Returns the computed digests of an archive. Raises Damage if they are not the stored ones."""
    with h5py.File(path, "r") as file:
        found: dict[str, str] = {}
        computed = {"seal_sha256": _collect(file, "", file["/"], found).hex()}
        computed = {name: found.get(root, "none") for name, root in ROOTS.items()} | computed
        if file.attrs["format_version"] >= 2:
            computed["cases_sha256"] = _of_cases(file["recipe"])
        for name, digest in computed.items():
            stored = file.attrs.get(name, "none")
            if stored != digest:
                reason = f"differs from what was written ({name} is {digest}, stored is {stored})"
                raise Damage(_first_difference(file, found), reason)
        return computed


if __name__ == "__main__":
    damage, digests = None, {}
    try:
        digests = check(sys.argv[1])
    except Damage as error:
        damage = list(error.args)
    except Exception as error:
        damage = ["the file", f"cannot be read ({error})"]
    print(json.dumps({"damage": damage, "digests": digests}))

"""Archives of lensbench as datasets of xarray and tables of pandas."""

from __future__ import annotations

import html
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import h5py
import pandas as pd
import xarray as xr

from lensbench import _digests
from lensbench._command import AnyPath, Page, report_page
from lensbench._errors import ArchiveError, CommandError, DamagedArchiveError, unknown

NEWEST_FORMAT = 2
STATUS = {0: "planned", 1: "complete", 2: "failed"}
Value = TypeVar("Value")


class Results(Mapping[str, xr.Dataset]):
    """Results of an archive by name. Each is opened when it is asked for; values are read when used."""

    def __init__(self, path: Path, names: Sequence[str]) -> None:
        self._path, self._names, self._closed = path, list(names), False
        self._datasets: dict[str, xr.Dataset] = {}

    def __getitem__(self, name: str) -> xr.Dataset:
        if name not in self._names:
            raise unknown("result", name, self._names)
        if self._closed:
            raise ArchiveError(f"{self._path}: the archive was closed; open it again")
        if name not in self._datasets:
            try:
                self._datasets[name] = xr.open_dataset(self._path, group=f"results/{name}", engine="h5netcdf")
            except Exception as error:
                raise _damaged(self._path, f"/results/{name}", error) from error
        return self._datasets[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __repr__(self) -> str:
        return f"<results {', '.join(self._names)}>"

    def _ipython_key_completions_(self) -> list[str]:
        return self._names

    def close(self) -> None:
        """Closes the datasets; values that were not read yet are no longer available."""
        self._closed = True
        for dataset in self._datasets.values():
            dataset.close()
        self._datasets.clear()


class Archive:
    """An archive of lensbench; made by `lensbench.open` and `lensbench.run`.

    >>> with lensbench.open("results/mine.h5") as archive:  # doctest: +SKIP
    ...     archive.verify()
    ...     entropy = archive.results["lens"].lensbench.case("prompt-4").entropy.load()
    """

    def __init__(self, path: AnyPath, *, command: AnyPath | None = None) -> None:
        self.path, self._command = Path(path).absolute(), command
        attributes = self._read("/", lambda root: dict(root.attrs))
        if not str(attributes.get("Conventions", "")).startswith("lensbench-"):
            raise ArchiveError(f"{self.path}: an HDF5 file, but not an archive of lensbench")
        self.format = int(attributes["format_version"])
        if self.format > NEWEST_FORMAT:
            raise ArchiveError(f"{self.path}: format {self.format} is later than {NEWEST_FORMAT}, the newest that "
                               "this version reads; use a later version of the package")
        self.title, self.complete = str(attributes.get("title", "")), bool(attributes.get("complete", 0))
        #: SHA-256 of results, recipe, environment, seal and cases, as the file states them.
        self.digests = {name.removesuffix("_sha256"): str(value) for name, value in attributes.items()
                        if name.endswith("_sha256")}
        #: Results by name, each a dataset of xarray.
        self.results = Results(self.path, self._read("/results", list))

    @cached_property
    def recipe(self) -> dict[str, Any]:
        """What was asked for: tool or experiment, its parameters, model; in addition `files` and `plugins`."""
        request: dict[str, Any] = self._read("/recipe/request", lambda item: json.loads(item[()]))
        files = self._table("/recipe", "file", ["file_role", "file_name", "file_sha256", "file_bytes"])
        plugins = self._table("/recipe", "plugin", ["plugin_name", "plugin_version", "plugin_sha256"])
        return {**request, "files": files.to_dict("records"), "plugins": plugins.to_dict("records")}

    @cached_property
    def environment(self) -> dict[str, Any]:
        """Software and hardware that made the results."""
        return self._read("/environment/json", lambda item: dict(json.loads(item[()])))

    @cached_property
    def receipts(self) -> pd.DataFrame:
        """Checks that the tools made in the run: value, tolerance, passed; `case` is the worst one."""
        columns = ["dataset", "name", "passed", "value", "tolerance", "case", "note"]
        return self._table("/receipts", "receipt", columns).astype({"passed": bool})

    @cached_property
    def cases(self) -> pd.DataFrame:
        """Cases by number: id, text, tokens, other fields of the prompt file, status and error."""
        asked = self._table("/recipe", "case", ["case_id", "text", "n_tokens", "fields"])
        table = asked.join(self._table("/units", "case", ["status", "error_text"]))
        return table.assign(fields=table["fields"].map(json.loads), status=table["status"].map(STATUS))

    def verify(self, expect: str | None = None) -> None:
        """Recomputes all digests from the content, without the command `lensbench`.

        The file is read in a child process, because HDF5 may crash on a damaged one. `expect` is a digest
        that was kept elsewhere, of the seal or of the results: digests in the file do not prove that
        nobody rewrote both. Raises DamagedArchiveError with the first part that differs, and ArchiveError
        if the archive is intact but not the expected one.
        """
        digests = _verified_digests(self.path)
        if expect is not None and expect not in (digests["seal_sha256"], digests["results_sha256"]):
            raise ArchiveError(f"{self.path}: intact, but {expect} is not the digest of its seal or results")

    def page(self, case: str | Sequence[str] = (), *, height: int = 720, options: Sequence[str] = ()) -> Page:
        """Returns the page of `lensbench report`, which a notebook shows as a frame.

        `case` chooses cases by id, `options` are further options of `lensbench report`. Nothing is
        fetched from a network. Raises CommandError with the message of the command.
        """
        chosen = [f"--case={one}" for one in ([case] if isinstance(case, str) else case)]
        return report_page(self.path, [*chosen, *options], height, self._command)

    def close(self) -> None:
        """Closes the datasets; tables that were read stay."""
        self.results.close()

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<lensbench archive {self.path.name}: {self.title}; results {', '.join(self.results)}>"

    def _repr_html_(self) -> str:
        try:
            return self.page()._repr_html_()
        except CommandError as error:
            return f"<p>{html.escape(repr(self))}</p><p><small>{html.escape(str(error))}</small></p>"

    def _read(self, name: str, read: Callable[[Any], Value]) -> Value:
        """Calls `read` with a group or dataset of the file. Raises an error that names it."""
        _check_kind(self.path)
        try:
            with h5py.File(self.path, "r") as file:
                return read(file[name])
        except Exception as error:
            raise _damaged(self.path, name, error) from error

    def _table(self, group: str, index: str, columns: Sequence[str]) -> pd.DataFrame:
        def column(item: Any) -> Any:
            return (item.asstr(errors="backslashreplace") if item.dtype.kind == "O" else item)[()]

        values = self._read(group, lambda found: {name: column(found[name]) for name in [index, *columns]})
        return pd.DataFrame(values).set_index(index)


def _check_kind(path: Path) -> None:
    """Raises FileNotFoundError, or ArchiveError for what is not an HDF5 file."""
    if path.suffix == ".run" or (not path.exists() and path.with_suffix(".run").is_dir()):
        raise ArchiveError(f"{path}: a run that is not finished; continue it with resume=True (or --resume)")
    if not path.exists():
        raise FileNotFoundError(f"{path}: there is no such file")
    if not (path.is_file() and h5py.is_hdf5(path)):
        raise ArchiveError(f"{path}: not an archive (not an HDF5 file, or its beginning is damaged)")


def _damaged(path: Path, part: str, error: object) -> DamagedArchiveError:
    return DamagedArchiveError(f"{path} is damaged: {part} cannot be read ({error})", part)


def _verified_digests(path: Path) -> dict[str, str]:
    """Digests of an intact archive, from the program _digests.py in a process of its own."""
    _check_kind(path)
    seconds = 120 + path.stat().st_size / 5_000_000
    try:
        done = subprocess.run([sys.executable, str(_digests.__file__), str(path)], capture_output=True,
                              timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        raise _damaged(path, "the file", f"not within {seconds:.0f} s") from None
    if done.returncode != 0:
        raise _damaged(path, "the file", f"it ended the process that read it, {done.returncode}: {done.stderr!r}")
    found = json.loads(done.stdout)
    if found["damage"] is not None:
        part, reason = found["damage"]
        raise DamagedArchiveError(f"{path} is damaged: {part} {reason}", part)
    return dict(found["digests"])


def open(path: AnyPath, *, verify: bool = False, command: AnyPath | None = None) -> Archive:
    """Opens an archive for reading.

    With `verify`, all digests are checked before anything else is read. `command` is the program
    `lensbench` for `page` (default: $LENSBENCH, or the one on PATH). Archives of strangers: check them
    with `lensbench verify FILE` first, which reads them without access to your files.

    >>> archive = lensbench.open("results/mine.h5")       # doctest: +SKIP
    >>> archive.results["lens"].entropy.mean("token")      # doctest: +SKIP
    >>> archive.receipts.query("not passed")               # doctest: +SKIP
    """
    if verify:
        _verified_digests(Path(path).absolute())
    return Archive(path, command=command)

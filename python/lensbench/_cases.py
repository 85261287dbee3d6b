"""Accessor `.lensbench` of datasets and arrays of xarray: one case of many."""

import re
from typing import Any, Generic, TypeVar, cast

import h5py
import numpy as np
import xarray as xr

from lensbench._errors import LensbenchError, UnknownNameError, unknown

Data = TypeVar("Data", xr.Dataset, xr.DataArray)
# Axes of different lengths cannot be joined: each case has its own, such as `key_position_case3`.
OWN_AXIS = re.compile(r"(.+)_case(\d+)")


def case_ids(data: xr.Dataset | xr.DataArray) -> dict[int, str]:
    """Ids of the cases by their numbers: from `case_id` of the data, or from the archive it came from."""
    if "case_id" in data.coords and data.coords["case_id"].ndim == 1:
        ids = data.coords["case_id"]
        return {int(number): str(name) for number, name in zip(ids[ids.dims[0]].values, ids.values, strict=True)}
    places = [data.encoding, *(coordinate.encoding for coordinate in data.coords.values())]
    source = next((str(place["source"]) for place in places if "source" in place), "")
    try:
        with h5py.File(source, "r") as file:
            numbers, names = file["recipe/case"][()], file["recipe/case_id"].asstr()[()]
    except (OSError, KeyError, ValueError):
        raise LensbenchError(f"the ids of the cases are unknown, because {source or 'the archive of this data'} "
                             "cannot be read; give the number of the case") from None
    return {int(number): str(name) for number, name in zip(numbers, names, strict=True)}


def label(position: int, text: str) -> str:
    """Position and text of a token with visible blanks, different for each token of a case.

    >>> label(9, " of")
    '9 ·of'
    """
    return f"{position} " + text.replace(" ", "·").replace("\n", "⏎").replace("\t", "⇥")


@xr.register_dataset_accessor("lensbench")  # type: ignore[no-untyped-call,unused-ignore]
@xr.register_dataarray_accessor("lensbench")  # type: ignore[no-untyped-call,unused-ignore]
class CaseAccessor(Generic[Data]):
    """`ds.lensbench`, for datasets of archives and for their variables."""

    def __init__(self, data: Data) -> None:
        self._data: Data = data

    def case(self, case: str | int) -> Data:
        """Returns the part that belongs to one case, given by its id or its number.

        Results of all cases are joined along `token`; the tokens of this case get their positions in its
        text as index, and as coordinate `label` the position and the text. Dimensions that count cases
        are removed, and so is the suffix of variables that each case has for itself
        (`blocks.0.attn.hook_pattern_case3`).

        >>> one = lens.lensbench.case("prompt-4")                        # doctest: +SKIP
        >>> one.entropy.plot()                                           # doctest: +SKIP
        >>> plt.xticks(one.token, one.label.values)                      # doctest: +SKIP
        >>> one.target_rank.swap_dims(token="label").to_pandas()         # doctest: +SKIP
        """
        number, data = self._number(case), cast(Any, self._data)
        along = data.coords.get("case")
        if along is not None and along.ndim == 1 and along.dims != ("case",):
            rows = np.flatnonzero(along.values == number)
            if rows.size == 0:
                raise UnknownNameError(f"case {case!r} does not have rows here (.cases has its status)")
            data = _labelled(data.isel({along.dims[0]: rows}), along.dims[0])
        data = data.sel({axis: number for axis in ("case", "case_number") if axis in data.dims})
        data = _own_axes(data, number)
        if data.sizes == self._data.sizes and "case" not in self._data.coords:
            raise LensbenchError(f"no dimension counts cases here ({', '.join(map(str, self._data.dims))})")
        return cast(Data, data)

    def _number(self, case: str | int) -> int:
        if isinstance(case, str):
            ids = case_ids(self._data)
            if case not in ids.values():
                raise unknown("case", case, ids.values())
            return next(number for number, name in ids.items() if name == case)
        numbers = self._data.coords.get("case", self._data.coords.get("case_number"))
        if numbers is None or case in numbers.values:
            return int(case)
        raise unknown("case number", case, map(str, np.unique(numbers.values)))


def _labelled(data: Any, axis: str) -> Any:
    """Positions as index of an axis and, where texts are known, a coordinate `label`."""
    if "position" not in data.coords:
        return data
    positions = data.coords["position"].values
    data = data.assign_coords({axis: positions})
    if "input_token" not in data.coords:
        return data
    texts = zip(positions, data.coords["input_token"].values, strict=True)
    return data.assign_coords(label=(axis, np.array([label(int(at), str(text)) for at, text in texts], dtype=str)))


def _own_axes(data: Any, number: int) -> Any:
    """Removes the suffix `_caseN` of what belongs to this case alone, and what belongs to others."""
    names = {*data.dims, *(data.variables if isinstance(data, xr.Dataset) else data.coords)}
    own = {name: match for name in names if (match := OWN_AXIS.fullmatch(str(name)))}
    if isinstance(data, xr.Dataset):
        others = [name for name, match in own.items() if int(match[2]) != number]
        data = data.drop_dims([name for name in others if name in data.dims])
        data = data.drop_vars([name for name in others if name in data.variables])
    return data.rename({name: match[1] for name, match in own.items() if int(match[2]) == number})

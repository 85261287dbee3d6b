"""Exceptions of the package."""

import difflib
from collections.abc import Iterable


class LensbenchError(Exception):
    """Base of all exceptions of this package."""


class ArchiveError(LensbenchError):
    """A file cannot be read as an archive of lensbench."""


class DamagedArchiveError(ArchiveError):
    """The content of an archive is not what was written; `part` names the first part that differs."""

    def __init__(self, message: str, part: str) -> None:
        super().__init__(message)
        self.part = part


class UnknownNameError(LensbenchError, KeyError):
    """A case or a result that does not exist; the message has the nearest names."""

    def __str__(self) -> str:
        return str(self.args[0])


class CommandError(LensbenchError):
    """The command `lensbench` ended with an error, whose message this is."""

    def __init__(self, message: str, exit_code: int | None = None) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class LensbenchWarning(UserWarning):
    """A run made an archive, but some of its cases or checks failed."""


def unknown(kind: str, name: object, known: Iterable[str]) -> UnknownNameError:
    """Returns the error for a name that does not exist, with the nearest ones or some of all."""
    names = list(known)
    near = " or ".join(map(repr, difflib.get_close_matches(str(name), names, n=3)))
    some = (", ".join(names[:8]) or "none") + (", …" if len(names) > 8 else "")
    return UnknownNameError(f"{kind} {name!r} not found; " + (f"did you mean {near}?" if near else f"known: {some}"))

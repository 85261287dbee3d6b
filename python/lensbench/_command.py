"""Finds the command `lensbench`, and gets the page of an archive from it."""

import html
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lensbench._errors import CommandError

AnyPath = str | os.PathLike[str]


def find_command(command: AnyPath | None = None) -> str:
    """Returns the program `lensbench`: the one given, else $LENSBENCH, else the one on PATH."""
    wanted = os.fspath(command) if command is not None else os.environ.get("LENSBENCH") or "lensbench"
    found = shutil.which(wanted)
    if found is None:
        raise CommandError(f"the command {wanted!r} was not found; install lensbench, add its folder to PATH, "
                           "or name the program in the variable LENSBENCH or the argument command")
    return found


def ask(program: str, *arguments: str) -> str:
    """Standard output of a call that ends at once. Raises CommandError with the message of the command."""
    done = subprocess.run([program, *arguments], capture_output=True, stdin=subprocess.DEVNULL, check=False)
    if done.returncode != 0:
        message = done.stderr.decode(errors="replace").strip().removeprefix("lensbench: ")
        raise CommandError(message or f"{program} ended with {done.returncode}", done.returncode)
    return done.stdout.decode(errors="replace")


@dataclass(frozen=True)
class Page:
    """A page of `lensbench report`; shown as a frame in a notebook cell."""

    html: str = field(repr=False)
    height: int = 720

    def _repr_html_(self) -> str:
        # The frame has an origin of its own: scripts of the page cannot reach the notebook.
        return ('<iframe sandbox="allow-scripts allow-downloads" title="lensbench report" '
                f'style="width:100%; height:{self.height}px; border:1px solid #8888" '
                f'srcdoc="{html.escape(self.html, quote=True)}"></iframe>')


def report_page(archive: Path, options: Sequence[str], height: int, command: AnyPath | None) -> Page:
    """Returns what `lensbench report` makes of an archive. Raises CommandError with its message."""
    program = find_command(command)
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "page.html"
        ask(program, "report", str(archive), "-o", str(page), *options)
        return Page(page.read_text(encoding="utf-8"), height)

"""Starts runs of the command `lensbench`."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lensbench._archive import Archive, open
from lensbench._command import AnyPath, ask, find_command
from lensbench._errors import CommandError, LensbenchWarning, unknown

Prompt = str | Sequence[int] | Mapping[str, Any]
# Linux refuses an argument of 128 KiB: more text than this goes through a file.
MOST_ARGUMENT_BYTES = 100_000


def _kind(program: str, name: str, plugins: Sequence[str]) -> str:
    """Word of the command for a name: `tool` or `run`. Raises UnknownNameError with the nearest names."""
    known: list[str] = []
    for word, what in [("tool", "tools"), ("run", "experiments")]:
        known += [entry["name"] for entry in json.loads(ask(program, "list", what, "--json", *plugins))]
        if name in known:
            return word
    raise unknown("tool or experiment", name, known)


def _prompt_arguments(prompts: AnyPath | Sequence[Prompt], folder: str) -> list[str]:
    """Options for prompts; those with fields, and long ones, are written to a file in the folder."""
    if isinstance(prompts, (str, os.PathLike)):
        if not Path(prompts).is_file():
            raise FileNotFoundError(f"prompts: there is no file {os.fspath(prompts)!r}; give texts as a list")
        return [f"--prompts={os.fspath(prompts)}"]
    size = sum(len(prompt.encode()) for prompt in prompts if isinstance(prompt, str))
    if size <= MOST_ARGUMENT_BYTES and not any(isinstance(prompt, Mapping) for prompt in prompts):
        return [f"--prompt={one}" if isinstance(one, str) else "--ids=" + " ".join(map(str, one)) for one in prompts]
    path = Path(folder) / "prompts.jsonl"
    fields = [{"text": one} if isinstance(one, str) else dict(one) if isinstance(one, Mapping) else {"ids": list(one)}
              for one in prompts]
    for one in fields:
        if "images" in one:  # relative to the folder of the notebook, not to that of the file
            images = [one["images"]] if isinstance(one["images"], (str, os.PathLike)) else one["images"]
            one["images"] = [os.path.abspath(image) for image in images]
    path.write_text("".join(json.dumps(one) + "\n" for one in fields), encoding="utf-8")
    return [f"--prompts={path}"]


def _parameter(value: object) -> str:
    """Text of a parameter as the command reads it.

    >>> _parameter(True), _parameter(["z", "q"]), _parameter(0.5)
    ('true', 'z,q', '0.5')
    """
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ",".join(map(_parameter, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


class _Watch:
    """Passes on what the command says, and keeps its messages and the name of its archive."""

    def __init__(self) -> None:
        self.messages: list[str] = []
        self.archive, self._width = "", 0

    def line(self, line: str) -> None:
        with contextlib.suppress(ValueError, KeyError):
            now = json.loads(line) if line.startswith("{") else {}
            done, of, what = ("step", "steps", "steps") if "step" in now else ("over", "of", "cases")
            return self._write("\r" + f"{now[done]} of {now[of]} {what}".ljust(self._width))
        self.clear()
        self._write(line + "\n")
        if line.startswith("archive "):
            self.archive = line.removeprefix("archive ")
        elif not line.startswith("results sha256 "):
            self.messages.append(line.removeprefix("lensbench: "))

    def clear(self) -> None:
        """Removes the line of progress."""
        if self._width:
            self._write("\r" + " " * self._width + "\r")

    def _write(self, text: str) -> None:
        print(text, end="", file=sys.stderr, flush=True)
        self._width = len(text) - 1 if not text.endswith(("\n", "\r")) else 0


def _execute(arguments: Sequence[str], watch: _Watch) -> int:
    """Runs the command to its end. An interrupt lets it finish its case, a second one ends it at once."""
    # In a session of its own, it gets only the signals that are sent here, also in a terminal.
    child = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                             encoding="utf-8", errors="replace", start_new_session=True)
    was_interrupted, code = False, None
    try:
        while code is None:
            try:
                for line in child.stderr or ():
                    watch.line(line.rstrip("\n"))
                code = child.wait()
            except KeyboardInterrupt:
                was_interrupted = True
                child.send_signal(signal.SIGINT)
    finally:
        watch.clear()
        with child:  # closes its output
            if code is None:
                child.kill()
    if was_interrupted and not watch.archive:
        raise KeyboardInterrupt("\n".join(watch.messages) or "the run was ended")
    return code


def run(name: str, *, model: AnyPath, prompts: AnyPath | Sequence[Prompt] = (), output: AnyPath | None = None,
        resume: bool = False, dtype: str | None = None, device: str | None = None, threads: int | None = None,
        seed: int | None = None, interventions: AnyPath | Sequence[Mapping[str, Any]] | None = None,
        plugin_dir: AnyPath | None = None, options: Sequence[str] = (), command: AnyPath | None = None,
        **parameters: object) -> Archive:
    """Runs a tool or an experiment with the command `lensbench` and opens the archive that it makes.

    `prompts` is a file (one prompt a line, or JSONL), or a list of texts, of lists of token ids, or of
    mappings with `text` or `ids`, `id`, `target` and other fields. Parameters of the tool or experiment
    are keywords; `options` are further options of the command, such as `["--profile"]`. Progress and
    messages go to stderr. Without `output`, the command chooses a new name under `results/`.

    Raises CommandError with the message of the command. If the archive was made but a check or some of
    its cases failed, warns with LensbenchWarning instead: `.receipts` and `.cases` say which. An
    interrupt ends the run after its current case; the same call with `output` and `resume=True`
    continues it.

    >>> archive = lensbench.run("logit_lens", model="models/kjv-gpt2",   # doctest: +SKIP
    ...                         prompts=["In the beginning"], top_k=5)
    """
    program = find_command(command)
    plugins = [] if plugin_dir is None else [f"--plugin-dir={os.fspath(plugin_dir)}"]
    settings = {"model": model, "dtype": dtype, "device": device, "threads": threads, "seed": seed, "out": output}
    arguments = [f"--{option}={value}" for option, value in settings.items() if value is not None]
    arguments += [f"--set={key}={_parameter(value)}" for key, value in parameters.items() if value is not None]
    watch = _Watch()
    with tempfile.TemporaryDirectory() as folder:
        arguments += _prompt_arguments(prompts, folder) + (["--resume"] if resume else [])
        if interventions is not None and not isinstance(interventions, (str, os.PathLike)):
            text = json.dumps([dict(one) for one in interventions])
            interventions = Path(folder) / "interventions.json"
            interventions.write_text(text, encoding="utf-8")
        arguments += [] if interventions is None else [f"--interventions={os.fspath(interventions)}"]
        kind = _kind(program, name, plugins)
        try:
            code = _execute([program, kind, name, *plugins, *arguments, "--progress=json", *options], watch)
        except KeyboardInterrupt as error:
            place = "FILE" if output is None else repr(os.fspath(output))
            raise KeyboardInterrupt(f"{error}\nOr: the same call with output={place} and resume=True") from None
    message = "\n".join(watch.messages) or f"lensbench ended with {code}"
    # The command makes an archive although a check failed (1) or some of the cases did (5).
    if code != 0 and not (watch.archive and code in (1, 5)):
        raise CommandError(message, code)
    if code != 0:
        warnings.warn(message, LensbenchWarning, stacklevel=2)
    return open(watch.archive, command=command)

"""What the tests share: the command, the model, and an archive that is made once."""

import functools
import os
import pathlib
import shutil
import subprocess
import tempfile

COMMAND = os.environ["LENSBENCH"]
MODEL = os.environ["LENSBENCH_TEST_MODEL"]
ROOT = pathlib.Path(__file__).resolve().parents[2]
FORMAT_1 = ROOT / "tests" / "data" / "archives" / "format_1.h5"
PROMPTS = [" the God of Abraham, of Isaac, and of", "In the beginning", "ünï▁c → 你好"]


def call(*arguments, check=True):
    done = subprocess.run([COMMAND, *map(str, arguments)], capture_output=True, text=True, check=False)
    if check and done.returncode != 0:
        raise AssertionError(f"lensbench {arguments} ended with {done.returncode}: {done.stderr}")
    return done


_temporary = tempfile.TemporaryDirectory()


def folder():
    """A folder that is removed when the tests end."""
    return pathlib.Path(_temporary.name)


@functools.lru_cache(None)
def archive(name, *arguments):
    """An archive of PROMPTS and one case of ids, made by `lensbench ARGUMENTS` itself."""
    path = folder() / f"{name}.h5"
    prompts = [f"--prompt={prompt}" for prompt in PROMPTS] + ["--ids=1 2 3"]
    call(*arguments, "--model", MODEL, *prompts, "--quiet", "--out", path)
    return path


def lens():
    return archive("lens", "tool", "logit_lens", "--set", "top_k=3")


def first_look():
    return archive("first_look", "run", "first_look")


def patterns():
    return archive("patterns", "tool", "activations", "--set", "hooks=blocks.*.attn.hook_pattern,resid_post")


def copy_of(path, name):
    target = folder() / name
    shutil.copyfile(path, target)
    return target

#!/usr/bin/env python3
"""Opens checkpoints as people have them and compares ids, logits and messages with what transformers
gave for them: one line a folder, then a count. Exit code 1 if anything differs, 77 without numpy, h5py or
the folder.

    python3 tests/parity/real_folders.py [FOLDER] [--lensbench build/release/bin/lensbench]

FOLDER (default: realworld of the folder LENSBENCH_SHARED or ../shared) holds cases.json (a list of {model, expect: logits|ids|message, ids or prompt, expected_ids,
words, options}), logits.npz and a folder for each model.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

try:
    import h5py
    import numpy as np
except ImportError as missing:
    print(f"SKIPPED: {missing}")
    sys.exit(77)

ROOT = pathlib.Path(__file__).resolve().parents[2]


def run(command):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True)


def check_ids(lensbench, folder, case, _):
    done = run([lensbench, "tokenize", "--model", folder, "--prompt", case["prompt"], "--json"])
    ids = json.loads(done.stdout)["ids"] if done.returncode == 0 else done.stderr
    return ids == case["expected_ids"], f"{ids}, expected {case['expected_ids']}"


def check_run(lensbench, folder, case, reference):
    with tempfile.TemporaryDirectory() as scratch:
        archive = pathlib.Path(scratch) / "a.h5"
        done = run([lensbench, "tool", "activations", "--model", folder, "--ids",
                    " ".join(map(str, case["ids"])), "--set", "hooks=unembed.hook_out", "--quiet",
                    "--out", archive, *case.get("options", [])])
        if case["expect"] == "message":
            named = all(word in done.stderr for word in case["words"])
            return done.returncode != 0 and named, done.stderr.strip()
        if done.returncode != 0:
            return False, done.stderr.strip()
        logits = h5py.File(archive)["results/activations/unembed.hook_out"][:]
    expected = reference[case["model"]].reshape(logits.shape)
    scale = max(1.0, np.abs(expected).max())
    difference = np.abs(logits - expected).max()
    # float32 on both sides: the parity contract.
    return difference < 5e-5 * scale, f"difference {difference:.1e} at scale {scale:.1f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    shared = pathlib.Path(os.environ.get("LENSBENCH_SHARED", ROOT.parent / "shared"))
    parser.add_argument("folder", type=pathlib.Path, nargs="?", default=shared / "realworld")
    parser.add_argument("--lensbench", default=str(ROOT / "build/release/bin/lensbench"))
    arguments = parser.parse_args()
    if not (arguments.folder / "cases.json").exists():
        print(f"SKIPPED: {arguments.folder} does not have a cases.json")
        return 77
    cases = json.loads((arguments.folder / "cases.json").read_text())
    reference = np.load(arguments.folder / "logits.npz")
    failed = 0
    for case in cases:
        check = check_ids if case["expect"] == "ids" else check_run
        good, what = check(arguments.lensbench, arguments.folder / case["model"], case, reference)
        failed += not good
        print("ok    " if good else "FAILED", case["model"], what)
    print(f"{len(cases) - failed} of {len(cases)}")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())

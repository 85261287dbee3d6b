"""Compares lensbench with transformers (eager attention) on small random GPT-2 and Llama checkpoints.

    python tests/parity/model_parity.py --lensbench build/release/bin/model_activations

Passes when logits, hidden states and attention patterns agree: float32 within 5e-5 (relative to the
largest logit where that is above 1), bfloat16 within 1e-2 of the logit range. Both programs are also
compared with a float64 run, to see whose rounding a difference is: where bfloat16 alone takes
transformers half that limit away from float64, the largest of two roundings says little, and the root
mean square error of lensbench against float64 has to be within 1.5 times that of transformers.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
import transformers
from reference_models import CASES, build, reference, use_older_rope_spelling
from safetensors.torch import load_file

HOOKS = ["blocks.*.hook_resid_pre", "blocks.*.hook_resid_post", "blocks.*.attn.hook_pattern", "unembed.hook_out"]
FLOAT32_LIMIT, BFLOAT16_LIMIT = 5e-5, 1e-2


def padded(ids):
    """The sequence, and its first half padded on the left, as one batch."""
    length = ids.shape[1]
    half = max(1, length // 2)
    rows = torch.zeros(2, length, dtype=torch.long)
    mask = torch.ones(2, length, dtype=torch.long)
    rows[0] = ids[0]
    rows[1, length - half :] = ids[0, :half]
    mask[1, : length - half] = 0
    return rows, mask


def prepare(folder):
    jobs, cases = [], []
    for index, name in enumerate(CASES):
        model, ids = build(name)
        directory = folder / name
        model.save_pretrained(directory)
        if index % 2 and "rope_parameters" in json.loads((directory / "config.json").read_text()):
            use_older_rope_spelling(directory)
        batch, mask = padded(ids)
        for dtype in ("float32", "bfloat16"):
            for kind, rows, ones in (("one", ids, None), ("padded", batch, mask)):
                out = folder / f"{name}.{dtype}.{kind}.safetensors"
                jobs.append(
                    dict(
                        model=str(directory),
                        dtype=dtype,
                        ids=rows.tolist(),
                        mask=None if ones is None else ones.tolist(),
                        hooks=HOOKS,
                        out=str(out),
                    )
                )
            cases.append((name, dtype, directory, ids))
    return jobs, cases


def largest(a, b):
    return (a.double() - b.double()).abs().max().item()


def mean_square(a, b):
    return (a.double() - b.double()).square().mean().sqrt().item()


def compare(name, dtype, directory, ids):
    """One row of the table: what was measured, and whether it is within the limits."""
    ours = load_file(directory.parent / f"{name}.{dtype}.one.safetensors")
    batch = load_file(directory.parent / f"{name}.{dtype}.padded.safetensors")
    logits, states, patterns = reference(directory, ids, getattr(torch, dtype))
    exact, _, _ = reference(directory, ids, torch.float64)
    mine = ours["unembed.hook_out"]
    span = (exact.max() - exact.min()).item()
    scale = max(1.0, exact.abs().max().item())
    n = len(patterns)
    mine_states = [ours["blocks.0.hook_resid_pre"]] + [ours[f"blocks.{i}.hook_resid_post"] for i in range(n)]
    state_scale = max(1.0, max(s.abs().max().item() for s in states))
    half = max(1, ids.shape[1] // 2)
    unit, limit = (scale, FLOAT32_LIMIT) if dtype == "float32" else (span, BFLOAT16_LIMIT)
    row = dict(
        case=name,
        dtype=dtype,
        logits=largest(mine, logits) / unit,
        ours_to_f64=largest(mine, exact) / unit,
        hf_to_f64=largest(logits, exact) / unit,
        states=max(largest(a, b) for a, b in zip(mine_states, states)) / state_scale,
        patterns=max(largest(ours[f"blocks.{i}.attn.hook_pattern"], p) for i, p in enumerate(patterns)),
        # A dynamic scaling depends on the sequence's own length, so the half is compared with itself.
        padding=max(
            largest(batch["unembed.hook_out"][:1], mine),
            largest(batch["unembed.hook_out"][1:, -half:], half_logits(directory, ids[:, :half], dtype)),
        )
        / unit,
        rms_ratio=mean_square(mine, exact) / mean_square(logits, exact),
        scale=scale,
    )
    wide = limit if dtype == "float32" else 4 * limit  # states and patterns are rounded at every step
    close = row["logits"] < limit and row["padding"] < limit
    if dtype == "bfloat16" and row["hf_to_f64"] > limit / 2:
        close = row["rms_ratio"] < 1.5 and row["logits"] < 2 * limit
    row["passed"] = (
        close
        and row["states"] < wide
        and row["patterns"] < wide
    )
    return row


def half_logits(directory, ids, dtype):
    return reference(directory, ids, getattr(torch, dtype))[0]


def show(rows):
    columns = ("logits", "ours_to_f64", "hf_to_f64", "states", "patterns", "padding", "rms_ratio", "scale")
    print(f"transformers {transformers.__version__}, torch {torch.__version__}")
    print(f"{'case':30}{'dtype':10}" + "".join(f"{c:>13}" for c in columns))
    for row in rows:
        figures = "".join(f"{row[c]:13.2e}" for c in columns)
        print(f"{row['case']:30}{row['dtype']:10}{figures}{'' if row['passed'] else '  FAILED'}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lensbench", required=True, help="path of the program model_activations")
    arguments = parser.parse_args()
    transformers.utils.logging.disable_progress_bar()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        jobs, cases = prepare(folder)
        (folder / "jobs.json").write_text(json.dumps(jobs))
        subprocess.run([arguments.lensbench, str(folder / "jobs.json")], check=True)
        rows = [compare(*case) for case in cases]
    show(rows)
    failed = sum(not row["passed"] for row in rows)
    print(f"{len(rows) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

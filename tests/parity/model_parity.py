"""Compares lensbench with transformers (eager attention) on small random checkpoints of every family.

    python tests/parity/model_parity.py [--family F]... [--draws N] [--seed S] [--write-docs]

For each family (a file of families/) the fixed cases take every branch; N more are drawn from the seed.
Each runs in float32 and bfloat16: a prompt, a batch with left padding, and the same batch in parts
through a key-value cache. Logits, hidden states and attention patterns have to agree: float32 within
5e-5 (relative to the largest logit where that is above 1), bfloat16 within 1e-2 of the logit range. Both
programs are also compared with a float64 run, to see whose rounding a difference is: where bfloat16 alone
takes transformers half that limit away from float64, the largest of two roundings says little, and the
root mean square error of lensbench against float64 has to be within 1.5 times that of transformers.
"""

import argparse
import functools
import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
import transformers
from families import FAMILIES
from family_docs import write_docs
from reference_models import expert_choices, load, logits_with_routing, run, save
from safetensors.torch import load_file

ROOT = Path(__file__).parents[2]
DTYPES = ("float32", "bfloat16")
HOOKS = ["blocks.*.hook_resid_pre", "blocks.*.hook*_resid_post", "blocks.*.attn.hook_pattern", "unembed.hook_out"]
ROUTING = "blocks.*.mlp.hook_expert_*"
FLOAT32_LIMIT, BFLOAT16_LIMIT = 5e-5, 1e-2
COLUMNS = ("logits", "ours_to_f64", "hf_to_f64", "states", "patterns", "padding", "cached", "rms_ratio", "scale")


def all_dense(settings):
    """Whether a family of mixtures has no layer with experts."""
    return settings.get("moe_layers") == [] or settings.get("first_k_dense_replace", 0) >= settings["num_hidden_layers"]


class Trial:
    """One case of a family in its own folder, and the jobs that lensbench has to run for it."""

    def __init__(self, family, name, case, folder):
        self.family, self.name, self.case = family, name, case
        self.directory = folder / name
        self.ids = save(family, case, self.directory)
        self.half = max(1, case.length // 2)
        self.mixture = family.mixture and not all_dense(family.base | case.config)

    def out(self, dtype, kind):
        return self.directory / f"{dtype}.{kind}.safetensors"

    def jobs(self):
        batch, mask = self.padded()
        for dtype in DTYPES:
            yield self.job(dtype, "one", self.ids, None)
            yield self.job(dtype, "padded", batch, mask)
            if chunks := self.chunks():
                yield self.job(dtype, "cached", batch, mask) | dict(chunks=chunks)

    def job(self, dtype, kind, ids, mask):
        return dict(
            model=str(self.directory),
            dtype=dtype,
            ids=ids.tolist(),
            mask=None if mask is None else mask.tolist(),
            hooks=HOOKS + [ROUTING] * self.mixture,
            out=str(self.out(dtype, kind)),
        )

    def padded(self):
        """The prompt, and its first half padded on the left, as one batch."""
        rows, mask = self.ids.repeat(2, 1), torch.ones(2, self.case.length, dtype=torch.long)
        rows[1] = 0
        rows[1, -self.half :] = self.ids[0, : self.half]
        mask[1, : -self.half] = 0
        return rows, mask

    def half_logits(self, dtype):
        """Of the first half alone, since a rotary scaling may depend on a sequence's own length.

        By a model of its own: in transformers dynamic scaling remembers the longest sequence.
        """
        model = load(self.family, self.directory, getattr(torch, dtype))
        return run(model, self.ids[:, : self.half])[0]

    @functools.cache
    def exact_model(self):
        return load(self.family, self.directory, torch.float64)

    @functools.cache
    def exact(self):
        """Logits in float64."""
        return run(self.exact_model(), self.ids)[0]

    def chunks(self):
        """Most of the batch at once, then two positions, then one at a time."""
        if self.family.masked or not self.case.cached or self.half < 5:
            return []
        return [self.case.length - 4, 2, 1, 1]


def largest(a, b):
    return (a.double() - b.double()).abs().max().item()


def mean_square(a, b):
    return (a.double() - b.double()).square().mean().sqrt().item()


def other_choices(a, b, cliff):
    """At how many (layer, position) two runs choose other experts, and of how many. Each run is its experts and their
    shares; with a cliff, a share that is another one by a twentieth counts too."""
    differ = [(x.sort(-1).values != y.sort(-1).values).any(-1) for x, y in zip(a[0], b[0], strict=True)]
    if cliff:
        apart = [((x.double() - y.double()).abs() > 0.05).any(-1) for x, y in zip(a[1], b[1], strict=True)]
        differ = [d | e for d, e in zip(differ, apart, strict=True)]
    return sum(d.sum().item() for d in differ), sum(d.numel() for d in differ)


def compare_mixture(trial, model, ours, unit):
    """What rounding does to the routing, and how far the logits are apart without that: with the experts of lensbench,
    and their shares, in transformers too."""
    layers = [i for i in range(model.config.num_hidden_layers) if f"blocks.{i}.mlp.hook_expert_indices" in ours]
    mine = [ours[f"blocks.{i}.mlp.hook_expert_indices"].long() for i in layers]
    probabilities = [ours[f"blocks.{i}.mlp.hook_expert_weights"] for i in layers]
    cliff = trial.family.cliff
    own = (mine, [p.gather(-1, m) for p, m in zip(probabilities, mine)])
    theirs = expert_choices(model, trial.ids)
    exact = expert_choices(trial.exact_model(), trial.ids)
    rerouted, choices = other_choices(own, theirs, cliff)

    def apart(logits):
        return largest(ours["unembed.hook_out"], logits) / unit

    return dict(
        choices=choices,
        rerouted=rerouted,
        rerouted_ours=other_choices(own, exact, cliff)[0],
        rerouted_hf=other_choices(theirs, exact, cliff)[0],
        # The shares of SparseMixer are a part of the choice.
        same_experts=apart(logits_with_routing(model, trial.ids, mine, probabilities if cliff else None)),
        same_routing=apart(logits_with_routing(model, trial.ids, mine, probabilities)),
    )


def compare(trial, dtype):
    """One row of the table: what was measured, and whether it is within the limits."""
    row = dict(case=trial.name, dtype=dtype, passed=False)
    kinds = ("one", "padded", "cached") if trial.chunks() else ("one", "padded")
    if not all(trial.out(dtype, kind).exists() for kind in kinds):
        return row
    ours, *batches = (load_file(trial.out(dtype, kind)) for kind in kinds)
    model = load(trial.family, trial.directory, getattr(torch, dtype))
    logits, states, patterns = run(model, trial.ids)
    half_logits = trial.half_logits(dtype)
    exact = trial.exact()
    mine = ours["unembed.hook_out"]
    scale = max(1.0, exact.abs().max().item())
    span = (exact.max() - exact.min()).item()
    unit, limit = (scale, FLOAT32_LIMIT) if dtype == "float32" else (span, BFLOAT16_LIMIT)
    layers = range(len(patterns))
    # The stream after a block that ends with a norm.
    ends = ["hook_resid_post", "hook_normalized_resid_post"]["blocks.0.hook_normalized_resid_post" in ours]
    mine_states = [ours["blocks.0.hook_resid_pre"]] + [ours[f"blocks.{i}.{ends}"] for i in layers]
    of_batch = [
        max(
            largest(batch["unembed.hook_out"][:1], logits),
            largest(batch["unembed.hook_out"][1:, -trial.half :], half_logits),
        )
        / unit
        for batch in batches
    ]
    row |= dict(
        logits=largest(mine, logits) / unit,
        ours_to_f64=largest(mine, exact) / unit,
        hf_to_f64=largest(logits, exact) / unit,
        states=max(largest(a, b) for a, b in zip(mine_states, states))
        / max(1.0, max(state.abs().max().item() for state in states)),
        patterns=max(largest(ours[f"blocks.{i}.attn.hook_pattern"], patterns[i]) for i in layers),
        padding=of_batch[0],
        cached=of_batch[-1],
        rms_ratio=mean_square(mine, exact) / mean_square(logits, exact),
        scale=scale,
    )
    if trial.mixture:
        row |= compare_mixture(trial, model, ours, unit)
    row["passed"] = within(row, dtype, limit)
    return row


def within_rerouted(row, limit):
    """Of a mixture in which rounding led to other experts: the difference that these do not explain."""
    coarse = max(1.0, row["hf_to_f64"] / (limit / 2))
    return row["same_experts"] < limit * coarse and row["rerouted"] <= row["choices"] / 10


def within(row, dtype, limit):
    if dtype == "bfloat16" and row.get("rerouted"):
        return within_rerouted(row, limit)
    of_logits = max(row["logits"], row["padding"], row["cached"])
    inner = max(row["states"], row["patterns"])
    if dtype == "float32":
        return of_logits < limit and inner < limit
    coarse = max(1.0, row["hf_to_f64"] / (limit / 2))  # how far transformers' own rounding goes
    close = of_logits < limit if coarse == 1.0 else of_logits < 2 * limit * coarse and row["rms_ratio"] < 1.5
    return close and inner < 4 * limit * coarse  # states and patterns are rounded at every step


def trials_of(name, arguments, folder):
    family = FAMILIES[name]
    cases = dict(family.cases)
    for index in range(arguments.draws):
        cases[f"{name}-draw-{index}"] = family.draw(random.Random(f"{arguments.seed}:{name}:{index}"))
    return [Trial(family, case_name, case, folder) for case_name, case in cases.items()]


def measure(name, arguments, folder):
    """Rows of all cases of a family in both element types."""
    trials = trials_of(name, arguments, folder)
    jobs = folder / f"{name}.jobs.json"
    jobs.write_text(json.dumps([job for trial in trials for job in trial.jobs()]))
    subprocess.run([arguments.lensbench, str(jobs)], check=False)
    rows = [compare(trial, dtype) for trial in trials for dtype in DTYPES]
    for trial, row in zip([trial for trial in trials for _ in DTYPES], rows):
        show(row)
        if not row["passed"]:
            print(f"  {json.dumps(trial.case.config)} length {trial.case.length}")
    return rows


def show(row):
    figures = "".join(f"{row[c]:12.2e}" for c in COLUMNS) if "logits" in row else "  did not run"
    print(f"{row['case']:30}{row['dtype']:10}{figures}{'' if row['passed'] else '  FAILED'}", flush=True)
    if "choices" in row:
        print(
            f"  other experts than transformers for {row['rerouted']} of {row['choices']} (layer, position); than float64 "
            f"{row['rerouted_ours']}, transformers {row['rerouted_hf']}; logits with the same experts "
            f"{row['same_experts']:.2e}, and shares {row['same_routing']:.2e}"
        )


def parsed():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    program = ROOT / "build" / "release" / "bin" / "model_activations"
    parser.add_argument("--lensbench", default=program, help="path of the program model_activations")
    parser.add_argument("--family", action="append", choices=FAMILIES, help="default: every one")
    parser.add_argument("--draws", type=int, default=6, help="random configurations a family (default 6)")
    parser.add_argument("--seed", type=int, default=0, help="of the random configurations (default 0)")
    parser.add_argument("--write-docs", action="store_true", help="write docs/families.md; needs every family")
    arguments = parser.parse_args()
    if arguments.write_docs and arguments.family:
        parser.error("--write-docs describes every family; leave out --family")
    return arguments


def main():
    arguments = parsed()
    print(f"transformers {transformers.__version__}, torch {torch.__version__}")
    print(f"{'case':30}{'dtype':10}" + "".join(f"{c:>12}" for c in COLUMNS))
    with tempfile.TemporaryDirectory() as folder:
        measured = {name: measure(name, arguments, Path(folder)) for name in arguments.family or FAMILIES}
    rows = [row for of_family in measured.values() for row in of_family]
    failed = sum(not row["passed"] for row in rows)
    print(f"{len(rows) - failed} passed, {failed} failed")
    if arguments.write_docs and not failed:
        write_docs(ROOT / "docs" / "families.md", measured, arguments)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Effects of the components of planted models by TransformerLens (4.3.0) in float64.

    python tests/parity/planted_effects_reference.py build/release/bin/lensbench models/kjv-gpt2
    python tests/parity/planted_effects_reference.py build/release/bin/lensbench models/kjv-gpt2 --check DIR...

The first form plants models and writes their effects to tests/data/grading; a test compares the truth of models that
are planted then. The second one compares the truth.json of planted models with TransformerLens, and ends with 1 if an
effect differs by more than 1e-4 of the gap. The second argument is any folder with a tokenizer: TransformerLens wants
one, the results do not depend on it. Needs the Python package transformer-lens.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from transformer_lens.model_bridge import TransformerBridge
from transformers import AutoTokenizer

torch.set_num_threads(1)
DATA = Path(__file__).parents[1] / "data" / "grading"
PLANTED = [
    ("induction", 3, "aligned"),
    ("fact", 3, "rotated"),
    ("name_mover", 3, "rotated"),
    ("bigram", 3, "rotated"),
    ("superposition", 3, "rotated"),
    ("induction_llama", 3, "rotated"),
    ("fact_llama", 3, "rotated"),
    ("mirror_bert", 3, "rotated"),
]
PROMPTS = 3
TOLERANCE = 1e-4


class Planted:
    """A planted model twice: as it is, for exchanged activations, and with its norms folded, for attribution."""

    def __init__(self, folder, tokenizer):
        def opened():
            model = TransformerBridge.boot_transformers(
                str(folder), device="cpu", dtype=torch.float64, tokenizer=tokenizer
            )
            return model.eval()

        self.model, self.folded = opened(), opened()
        self.folded.enable_compatibility_mode(disable_warnings=True)
        self.truth = json.loads((folder / "truth.json").read_text())


def metric(logits, prompts):
    """Difference of the logits of answer and foil, [prompt]."""
    return torch.stack([
        row[prompt["position"], prompt["answer"]] - row[prompt["position"], prompt["foil"]]
        for row, prompt in zip(logits, prompts)
    ])


def place(component):
    """Hook and head of a component's output."""
    if component[0] == "L":
        block, head = component[1:].split("H")
        return f"blocks.{block}.attn.hook_z", int(head)
    block, kind = component.split("_", 1)
    # hook_attn_out of a BERT comes after the norm of the sum, not from the heads alone.
    return f"blocks.{block}.attn.o.hook_out" if kind == "attn_out" else f"blocks.{block}.hook_{kind}", None


def exchanged(component, cache):
    """A hook that puts the output of a component from another run in its place."""
    name, head = place(component)

    def hook(value, hook):
        value = value.clone()
        if head is None:
            value[:] = cache[name]
        else:
            value[:, :, head] = cache[name][:, :, head]
        return value

    return name, hook


def output(model, component, cache):
    """What a component adds to the stream, but for the bias that heads share."""
    name, head = place(component)
    if head is None:
        return cache[name]
    block = int(name.split(".")[1])
    return cache[name][:, :, head] @ model.blocks[block].attn.W_O[head]


def attribution(planted, component, cache, prompts):
    """Direct logit attribution of a component, [prompt]."""
    written = output(planted.folded, component, cache)
    at = torch.tensor([prompt["position"] for prompt in prompts])
    scale = cache["ln_final.hook_scale"][torch.arange(len(prompts)), at]
    # Writing weights are centred in the folded model, so that the norm is the division alone.
    normalised = written[torch.arange(len(prompts)), at] / scale
    unembedding = planted.folded.W_U
    answer, foil = (torch.tensor([prompt[key] for prompt in prompts]) for key in ("answer", "foil"))
    return (normalised * (unembedding[:, answer] - unembedding[:, foil]).T).sum(-1)


def effects_of_prompts(planted, components, prompts):
    """Effects by name, [component, prompt], of prompts of one length."""
    model = planted.model
    clean, corrupted = (torch.tensor([prompt[key] for prompt in prompts]) for key in ("ids", "corrupted_ids"))
    clean_logits, clean_cache = model.run_with_cache(clean)
    corrupted_logits, corrupted_cache = model.run_with_cache(corrupted)
    base, low = metric(clean_logits, prompts), metric(corrupted_logits, prompts)
    last = f"blocks.{model.cfg.n_layers - 1}.hook_resid_post"
    _, folded_cache = planted.folded.run_with_cache(clean)
    found = {"total": [], "restore": [], "direct": [], "dla": []}
    for component in components:
        noised = model.run_with_hooks(clean, fwd_hooks=[exchanged(component, corrupted_cache)])
        restored = model.run_with_hooks(corrupted, fwd_hooks=[exchanged(component, clean_cache)])
        change = output(model, component, corrupted_cache) - output(model, component, clean_cache)
        direct = model.run_with_hooks(clean, fwd_hooks=[(last, lambda value, hook, change=change: value + change)])
        found["total"].append(base - metric(noised, prompts))
        found["restore"].append(metric(restored, prompts) - low)
        found["direct"].append(base - metric(direct, prompts))
        found["dla"].append(attribution(planted, component, folded_cache, prompts))
    return {name: torch.stack(rows) for name, rows in found.items()}


@torch.no_grad()
def effects_of_task(planted, task):
    """Effects by name, [component][prompt]."""
    components, prompts = task["effects"]["components"], task["prompts"]
    tables = {}
    for length in sorted({len(prompt["ids"]) for prompt in prompts}):
        chosen = [i for i, prompt in enumerate(prompts) if len(prompt["ids"]) == length]
        for name, values in effects_of_prompts(planted, components, [prompts[i] for i in chosen]).items():
            table = tables.setdefault(name, torch.zeros(len(components), len(prompts), dtype=torch.float64))
            table[:, chosen] = values
    return {name: table.tolist() for name, table in tables.items()}


def known(task, effects):
    """Effects that the truth has: direct ones are not defined where norms come after the additions."""
    return {name: table for name, table in effects.items() if name in task["effects"]["values"]}


def largest_difference(task, effects):
    """Of all effects that the truth has, in shares of the gap."""
    clean, corrupted = (task["metric"][side] for side in ("clean", "corrupted"))
    gap = abs(sum(a - b for a, b in zip(clean, corrupted)) / len(clean))
    worst = 0, ""
    for name, table in known(task, effects).items():
        for component, ours, theirs in zip(task["effects"]["components"], task["effects"]["values"][name], table):
            for a, b in zip(ours, theirs):
                worst = max(worst, (abs(a - b) / gap, f"{name} of {component}"))
    return worst


def check(folders, tokenizer):
    failed = False
    for folder in folders:
        planted = Planted(Path(folder), tokenizer)
        for task in planted.truth["tasks"]:
            if "effects" not in task:
                continue
            share, where = largest_difference(task, effects_of_task(planted, task))
            failed = failed or share > TOLERANCE
            print(f"{Path(folder).name}/{task['name']}: largest difference {share:.1e} of the gap, {where}", flush=True)
    return failed


def write(lensbench, tokenizer):
    DATA.mkdir(exist_ok=True)
    models = []
    with tempfile.TemporaryDirectory() as work:
        for kind, seed, gauge in PLANTED:
            folder = Path(work) / kind
            subprocess.run(
                [lensbench, "plant", kind, "--seed", str(seed), "--gauge", gauge, "--set", f"prompts={PROMPTS}"]
                + ["--out", folder],
                check=True,
            )
            planted = Planted(folder, tokenizer)
            tasks = []
            for task in planted.truth["tasks"]:
                effects = effects_of_task(planted, task)
                print(kind, task["name"], *largest_difference(task, effects))
                rounded = {name: [[round(v, 6) + 0.0 for v in row] for row in table]
                           for name, table in known(task, effects).items()}
                tasks.append({
                    "name": task["name"],
                    "ids": [prompt["ids"] for prompt in task["prompts"]],
                    "components": task["effects"]["components"],
                    "effects": rounded,
                })
            models.append({"kind": kind, "seed": seed, "gauge": gauge, "prompts": PROMPTS, "tasks": tasks})
    text = json.dumps({"made by": "TransformerLens 4.3.0", "models": models}, separators=(",", ":"))
    # A line for each table is short enough to read in a comparison of versions.
    (DATA / "planted_effects.json").write_text(text.replace('"effects"', '\n"effects"').replace("]],", "]],\n") + "\n")


if __name__ == "__main__":
    tokenizer = AutoTokenizer.from_pretrained(sys.argv[2])
    if sys.argv[3:4] == ["--check"]:
        sys.exit(check(sys.argv[4:], tokenizer))
    write(sys.argv[1], tokenizer)

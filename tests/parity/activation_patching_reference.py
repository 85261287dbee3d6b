#!/usr/bin/env python3
"""Reference values for activation patching: the sweeps of `transformer_lens.patching` (4.3.0) in float64.

Reads the checkpoints of tests/data/layer_attribution and writes tests/data/activation_patching. Needs the Python
packages transformer-lens and safetensors.

    python tests/parity/activation_patching_reference.py models/kjv-gpt2

The argument is any folder with a tokenizer: TransformerLens wants one, the results do not depend on it. The metric is
logit[6] - logit[9] at the last position; the values are those of the changed runs, without normalisation.
"""

import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformer_lens import patching
from transformer_lens.model_bridge import TransformerBridge
from transformers import AutoTokenizer

DATA = Path(__file__).parents[1] / "data"
CLEAN, CORRUPTED = [3, 17, 5, 5, 11, 2], [3, 17, 8, 5, 11, 20]
MODELS = ["gpt2"]


def metric(logits):
    return logits[0, -1, 6] - logits[0, -1, 9]


def sweeps(folder, tokenizer):
    model = TransformerBridge.boot_transformers(str(folder), device="cpu", dtype=torch.float64, tokenizer=tokenizer)
    clean, corrupted = torch.tensor([CLEAN]), torch.tensor([CORRUPTED])
    with torch.no_grad():
        clean_logits, cache = model.run_with_cache(clean)
        results = {"clean": metric(clean_logits), "corrupted": metric(model(corrupted))}
        for name in ("resid_pre", "resid_mid", "attn_out", "mlp_out"):
            results[name] = getattr(patching, f"get_act_patch_{name}")(model, corrupted, cache, metric)
        for ours, theirs in (("z", "out"), ("q", "q"), ("k", "k"), ("v", "v")):
            by_position = getattr(patching, f"get_act_patch_attn_head_{theirs}_by_pos")
            # [layer, pos, head] there, [block, head, token] here
            results[f"{ours}_head"] = by_position(model, corrupted, cache, metric).transpose(1, 2)
            whole = getattr(patching, f"get_act_patch_attn_head_{theirs}_all_pos")
            results[f"{ours}_whole_head"] = whole(model, corrupted, cache, metric)
        # [layer, head, query] here already
        results["pattern_head"] = patching.get_act_patch_attn_head_pattern_by_pos(model, corrupted, cache, metric)
        results["pattern_whole_head"] = patching.get_act_patch_attn_head_pattern_all_pos(
            model, corrupted, cache, metric
        )
    return {name: torch.as_tensor(value).double().contiguous().clone() for name, value in results.items()}


if __name__ == "__main__":
    tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
    (DATA / "activation_patching").mkdir(exist_ok=True)
    for name in MODELS:
        results = sweeps(DATA / "layer_attribution" / name, tokenizer)
        save_file(results, DATA / "activation_patching" / f"{name}.safetensors")
        print(name, {key: tuple(value.shape) for key, value in results.items()})

#!/usr/bin/env python3
"""Reference values for path patching: `get_act_patch_direct_path_all_sources` of TransformerLens (4.3.0) in float64.

Reads the checkpoints of tests/data/layer_attribution and writes tests/data/path_patching. Needs the Python packages
transformer-lens and safetensors.

    python tests/parity/path_patching_reference.py models/kjv-gpt2

The argument is any folder with a tokenizer: TransformerLens wants one, the results do not depend on it. The metric is
logit[6] - logit[9] at the last position; the values are those of the changed runs, [sender layer, sender head, receiver
layer, receiver head]. The corrupted run is changed. Pairs that are not paths are 0 there.
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


def paths(folder, tokenizer):
    model = TransformerBridge.boot_transformers(str(folder), device="cpu", dtype=torch.float64, tokenizer=tokenizer)
    model.eval()
    clean, corrupted = torch.tensor([CLEAN]), torch.tensor([CORRUPTED])
    with torch.no_grad():
        _, clean_cache = model.run_with_cache(clean)
        logits, corrupted_cache = model.run_with_cache(corrupted)
        results = {"corrupted": metric(logits)}
        for component in "qkv":
            results[component] = patching.get_act_patch_direct_path_all_sources(
                model, corrupted, clean_cache, corrupted_cache, metric, component=component, verbose=False
            )
    return {name: torch.as_tensor(value).double().contiguous().clone() for name, value in results.items()}


if __name__ == "__main__":
    tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
    (DATA / "path_patching").mkdir(exist_ok=True)
    for name in MODELS:
        results = paths(DATA / "layer_attribution" / name, tokenizer)
        save_file(results, DATA / "path_patching" / f"{name}.safetensors")
        print(name, {key: tuple(value.shape) for key, value in results.items()})

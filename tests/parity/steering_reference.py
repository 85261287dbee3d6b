#!/usr/bin/env python3
"""Reference values for steering, from TransformerLens (4.3.0) in float64 with hooks and formulas of this file.

Reads the checkpoints of tests/data/layer_attribution and writes tests/data/steering. Needs the Python packages
transformer-lens and safetensors.

    python tests/parity/steering_reference.py models/kjv-gpt2

The argument is any folder with a tokenizer: TransformerLens wants one, the results do not depend on it. The metric is
logit[6] - logit[9] at the last position. The stream after l blocks is changed, for l = 0 to the number of blocks, at
every position, once per forward and without a cache. Tensors: MODE.effect, MODE.kl, MODE.neutral_kl,
MODE.neutral_perplexity [layer, alpha]; add.generated_id [layer, alpha, step], add.generated_perplexity, add.distinct_2.
"""

import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformer_lens.model_bridge import TransformerBridge
from transformers import AutoTokenizer

DATA = Path(__file__).parents[1] / "data"
PROMPT, NEUTRAL, STEPS = [3, 17, 5, 5, 11, 2], [[7, 1, 20, 4, 13], [9, 9, 2, 16, 8, 21, 3]], 5
ALPHAS = {"add": [-2.0, 0.0, 1.5], "clamp": [-2.0, 0.0, 1.5], "project": [0.0, 1.0]}


def change(mode, x, v, alpha):
    u = v / v.norm()
    along = (x @ u).unsqueeze(-1)
    if mode == "add":
        return x + alpha * v
    if mode == "clamp":
        return x + (alpha - along) * u
    return x - along * u if alpha else x


def logits_of(model, ids, layer=None, function=None):
    hooks = []
    if function is not None:
        name = "blocks.0.hook_resid_pre" if layer == 0 else f"blocks.{layer - 1}.hook_resid_post"
        hooks = [(name, lambda x, hook: function(x))]
    with torch.no_grad():
        return model.run_with_hooks(torch.tensor([ids]), fwd_hooks=hooks)[0].double()


def divergence(base, other):
    p, q = torch.log_softmax(base, -1), torch.log_softmax(other, -1)
    return (p.exp() * (p - q)).sum(-1)


def surprise(logits, ids):
    return -torch.log_softmax(logits[:-1], -1).gather(1, torch.tensor(ids[1:]).unsqueeze(1)).squeeze(1)


def cell(model, mode, layer, v, alpha):
    function = lambda x: change(mode, x, v, alpha)  # noqa: E731
    base, steered = logits_of(model, PROMPT), logits_of(model, PROMPT, layer, function)
    difference = lambda logits: logits[-1, 6] - logits[-1, 9]  # noqa: E731
    kl, loss = [], []
    for ids in NEUTRAL:
        changed = logits_of(model, ids, layer, function)
        kl.append(divergence(logits_of(model, ids), changed))
        loss.append(surprise(changed, ids))
    found = {
        "effect": difference(steered) - difference(base),
        "kl": divergence(base[-1], steered[-1]),
        "neutral_kl": torch.cat(kl).mean(),
        "neutral_perplexity": torch.cat(loss).mean().exp(),
    }
    if mode != "add":
        return found
    ids = list(PROMPT)
    for _ in range(STEPS):
        ids.append(int(logits_of(model, ids, layer, function)[-1].argmax()))
    made = ids[len(PROMPT) :]
    pairs = list(zip(made, made[1:]))
    found["generated_id"] = torch.tensor(made)
    found["generated_perplexity"] = surprise(logits_of(model, ids), ids)[len(PROMPT) - 1 :].mean().exp()
    found["distinct_2"] = torch.tensor(len(set(pairs)) / len(pairs), dtype=torch.float64)
    return found


def reference(folder, tokenizer):
    model = TransformerBridge.boot_transformers(str(folder), device="cpu", dtype=torch.float64, tokenizer=tokenizer)
    model.eval()
    v = 2 * torch.sin(torch.arange(1, model.cfg.d_model + 1, dtype=torch.float64))
    v = v.float().double()
    results = {"direction": v.float()}
    for mode, alphas in ALPHAS.items():
        grid = [[cell(model, mode, layer, v, a) for a in alphas] for layer in range(model.cfg.n_layers + 1)]
        for name in grid[0][0]:
            results[f"{mode}.{name}"] = torch.stack([torch.stack([one[name] for one in row]) for row in grid])
    return results


if __name__ == "__main__":
    tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
    (DATA / "steering").mkdir(exist_ok=True)
    for name in ["gpt2", "llama"]:
        results = reference(DATA / "layer_attribution" / name, tokenizer)
        save_file(results, DATA / "steering" / f"{name}.safetensors")
        print(name, {key: tuple(value.shape) for key, value in results.items()})
        print(results["add.effect"], results["add.generated_id"])

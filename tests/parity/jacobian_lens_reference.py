#!/usr/bin/env python3
"""Reference Jacobians for jacobian_lens, by the estimator of TransformerLens (4.3.0) in float64.

Reads the checkpoints gpt2 and llama of tests/data/models and the embedded model, and writes tests/data/jacobian_lens.
Needs the Python packages transformer-lens and safetensors.

    python tests/parity/jacobian_lens_reference.py models/kjv-gpt2

The argument is the embedded model, whose tokenizer the others borrow: TransformerLens wants one, the results do not
depend on it. Prompts are equal windows of ids. Tensors: ids [prompt, pos]; jacobian [block, row, column], the mean over
prompts of tools.analysis.jacobian_lens, first 3 positions and the last left out. Of the embedded model only every 16th
row is kept, to keep the file small.
"""

import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformer_lens.model_bridge import TransformerBridge
from transformer_lens.tools.analysis import jacobian_lens
from transformers import AutoTokenizer

DATA = Path(__file__).parents[1] / "data"
SKIP, PROMPTS, LENGTH = 3, 2, 10


def ids_of(vocab):
    """A fixed sequence, which any program can repeat."""
    state, ids = 1, []
    for _ in range(PROMPTS * LENGTH):
        state = (1103515245 * state + 12345) % 2**31
        ids.append((state >> 8) % vocab)
    return torch.tensor(ids).view(PROMPTS, LENGTH)


def reference(folder, tokenizer, step):
    model = TransformerBridge.boot_transformers(str(folder), device="cpu", dtype=torch.float64, tokenizer=tokenizer)
    model.eval()
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    ids = ids_of(model.cfg.d_vocab)
    layers = list(range(model.cfg.n_layers - 1))
    total = 0
    for prompt in ids:
        # The rows are float32 there, which is all that is lost.
        found = jacobian_lens._jacobian_for_prompt(
            model,
            prompt.unsqueeze(0),
            source_layers=layers,
            dim_batch=8,
            skip_first_positions=SKIP,
            backward_provider=jacobian_lens._ordinary_vjp,
        )
        total = total + torch.stack([found[layer].double() for layer in layers])
    return {"ids": ids, "jacobian": (total / len(ids))[:, ::step].float().contiguous()}


if __name__ == "__main__":
    tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
    (DATA / "jacobian_lens").mkdir(exist_ok=True)
    folders = {"gpt2": DATA / "models" / "gpt2", "llama": DATA / "models" / "llama", "kjv": Path(sys.argv[1])}
    for name, folder in folders.items():
        results = reference(folder, tokenizer, 16 if name == "kjv" else 1)
        save_file(results, DATA / "jacobian_lens" / f"{name}.safetensors")
        print(name, {key: tuple(value.shape) for key, value in results.items()}, results["jacobian"].norm())

#!/usr/bin/env python3
"""Reference values for interchange: `tools.analysis.interchange` of TransformerLens (4.3.0) in float64, on given bases.

Reads the checkpoints gpt2 and llama of tests/data/layer_attribution and writes tests/data/interchange. Needs the Python
packages transformer-lens and safetensors.

    python tests/parity/interchange_reference.py models/kjv-gpt2

The argument is any folder with a tokenizer: TransformerLens wants one, the results do not depend on it. Activations are
exchanged at the last position of the stream after each block, and logits are those of the last position. Tensors: base,
source [pair, pos], value, expected [pair]; basis, elsewhere [d_model, rank], orthonormal by a QR decomposition of normal
numbers; logits [block, strength, pair, vocab] of `SubspaceInterchange` with basis and the strengths 1 and 0.5; placebo
[block, pair, vocab] of `NormMatchedPlacebo`, which moves within elsewhere; mean_difference [block, d_model], which
TransformerLens computes in float32.
"""

import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformer_lens.model_bridge import TransformerBridge
from transformer_lens.tools.analysis.interchange import (
    NormMatchedPlacebo,
    SubspaceInterchange,
    collect_activations,
    intervened_logits,
    mean_difference_basis,
)
from transformers import AutoTokenizer

DATA = Path(__file__).parents[1] / "data"
MODELS = ["gpt2", "llama"]
PAIRS, LENGTH, RANK, STRENGTHS = 6, 4, 2, [1.0, 0.5]


def ids_of(vocab, seed):
    """Fixed prompts, which differ from one another."""
    draw = torch.Generator().manual_seed(seed)
    return torch.randint(3, vocab, (PAIRS, LENGTH), generator=draw)


def orthonormal(width, rank, seed):
    draw = torch.Generator().manual_seed(seed)
    return torch.linalg.qr(torch.randn(width, rank, generator=draw, dtype=torch.float64))[0].contiguous()


def values(folder, tokenizer):
    model = TransformerBridge.boot_transformers(str(folder), device="cpu", dtype=torch.float64, tokenizer=tokenizer)
    model.eval()
    width, last = model.cfg.d_model, torch.full((PAIRS,), LENGTH - 1)
    base, source = ids_of(model.cfg.d_vocab, 1), ids_of(model.cfg.d_vocab, 2)
    value = torch.arange(PAIRS) % 2
    basis, elsewhere = orthonormal(width, RANK, 3), orthonormal(width, RANK, 4)

    def at_last(tokens):
        return model(tokens)[:, -1]

    logits, placebo, differences = [], [], []
    for block in range(model.cfg.n_layers):
        hook = f"blocks.{block}.hook_resid_post"
        rows = collect_activations(model, hook, source, at_last, positions=last)

        def run(intervention):
            return intervened_logits(model, hook, intervention, base, rows, at_last, positions=last)

        exchanges = [SubspaceInterchange(basis, strength) for strength in STRENGTHS]
        logits.append(torch.stack([run(exchange) for exchange in exchanges]))
        placebo.append(run(NormMatchedPlacebo(exchanges[0], elsewhere)))
        differences.append(mean_difference_basis(rows, value.tolist())[:, 0])
    return {
        "base": base,
        "source": source,
        "value": value,
        "expected": 3 + value,
        "basis": basis,
        "elsewhere": elsewhere,
        "logits": torch.stack(logits),
        "placebo": torch.stack(placebo),
        "mean_difference": torch.stack(differences),
    }


if __name__ == "__main__":
    tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
    (DATA / "interchange").mkdir(exist_ok=True)
    for name in MODELS:
        results = {key: value.contiguous() for key, value in values(DATA / "layer_attribution" / name, tokenizer).items()}
        save_file(results, DATA / "interchange" / f"{name}.safetensors")
        print(name, {key: tuple(value.shape) for key, value in results.items()}, results["logits"].abs().max().item())

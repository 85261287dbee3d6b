#!/usr/bin/env python3
"""Reference values for the tool composition, from TransformerLens 4.3.0 and numpy in float64.

Reads a checkpoint of tests/data/layer_attribution and writes JSON: the composition scores of all
pairs of heads of TransformerLens, of the weights as they are and with the norms folded, and for the
folded weights the eigenvalues of the matrices of the size of the vocabulary, W_E OV W_U and
W_E QK W_E^T, by numpy. Needs the Python package transformer-lens.

    python tests/parity/composition_reference.py models/kjv-gpt2 tests/data/composition/gpt2.json

The first argument is any folder with a tokenizer: TransformerLens wants one, the results do not
depend on it.
"""

import json
import sys
from pathlib import Path

import numpy
import torch
from transformer_lens.model_bridge import TransformerBridge
from transformers import AutoTokenizer


def opened(tokenizer, fold):
    folder = Path(__file__).parent.parent / "data" / "layer_attribution" / "gpt2"
    bridge = TransformerBridge.boot_transformers(str(folder), dtype=torch.float64,
                                                 tokenizer=AutoTokenizer.from_pretrained(tokenizer))
    if fold:
        bridge.enable_compatibility_mode(fold_ln=True, center_writing_weights=False,
                                         center_unembed=False, fold_value_biases=False)
    return bridge


def scores(bridge):
    """Mode -> [sender block][sender head][receiver block][receiver head]; 0 where not later."""
    return {name.lower(): bridge.all_composition_scores(name).detach().tolist()
            for name in ("Q", "K", "V")}


def ratios(matrices, rank):
    """Sum of the real parts over the sum of the magnitudes of the `rank` largest eigenvalues."""
    found = []
    for matrix in matrices:
        values = numpy.linalg.eigvals(matrix)
        values = values[numpy.argsort(-abs(values))][:rank]
        found.append(float(values.real.sum() / abs(values).sum()))
    return found


def main():
    tokenizer, output = sys.argv[1:]
    reference = {"raw": scores(opened(tokenizer, False))}
    folded = opened(tokenizer, True)
    reference["folded"] = scores(folded)
    embed, unembed = folded.W_E.detach().numpy(), folded.W_U.detach().numpy()
    weights = [w.detach().numpy() for w in (folded.W_Q, folded.W_K, folded.W_V, folded.W_O)]
    blocks, _, _, rank = weights[0].shape
    reference["copying"] = [ratios([embed @ v @ o @ unembed for v, o in zip(weights[2][b], weights[3][b])],
                                   rank) for b in range(blocks)]
    reference["matching"] = [ratios([embed @ q @ k.T @ embed.T for q, k in zip(weights[0][b], weights[1][b])],
                                    rank) for b in range(blocks)]
    Path(output).parent.mkdir(parents=True, exist_ok=True)
    Path(output).write_text(json.dumps(reference) + "\n")


if __name__ == "__main__":
    main()

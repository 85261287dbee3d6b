#!/usr/bin/env python3
"""Reference values for the tool attention, from TransformerLens 4.3.0 and networkx in float64.

Reads a checkpoint of tests/data/layer_attribution and writes JSON: the scores of TransformerLens'
head detector for every head, detector, exclusion and measure, attention rollout by matrix products
in numpy, and the maximum flow by networkx. Needs the Python packages transformer-lens and networkx.

    python tests/parity/attention_reference.py models/kjv-gpt2 tests/data/attention/gpt2.json

The first argument is any folder with a tokenizer: TransformerLens wants one, the results do not
depend on it.
"""

import itertools
import json
import sys
from pathlib import Path

import networkx
import numpy
import torch
from transformer_lens import head_detector
from transformer_lens.model_bridge import TransformerBridge
from transformers import AutoTokenizer

# Tokens 5, 9, 2 again: duplicates, and keys for an induction head.
IDS = [3, 5, 9, 2, 17, 5, 9, 2, 17]
RESIDUAL_WEIGHT = 0.4
DETECTORS = ["previous_token", "duplicate_token", "induction"]


def patterns(folder, tokenizer):
    """Patterns [block, head, query, key] in float64."""
    bridge = TransformerBridge.boot_transformers(str(folder), dtype=torch.float64,
                                                 tokenizer=AutoTokenizer.from_pretrained(tokenizer))
    _, cache = bridge.run_with_cache(torch.tensor([IDS]), prepend_bos=False)
    return torch.stack([cache["pattern", block][0] for block in range(bridge.cfg.n_layers)])


def scores(pattern):
    """Name of a setting -> detector -> [block][head]."""
    tokens, results = torch.tensor([IDS]), {}
    for measure, first, current in itertools.product(["mul", "abs"], [False, True], [False, True]):
        for detector in DETECTORS:
            mask = getattr(head_detector, f"get_{detector}_head_detection_pattern")(tokens).double()
            name = f"{measure}{'_first' if first else ''}{'_current' if current else ''}"
            results.setdefault(name, {})[detector] = [
                [head_detector.compute_head_attention_similarity_score(
                    one.clone(), mask, exclude_bos=first, exclude_current_token=current,
                    error_measure=measure) for one in block] for block in pattern]
    return results


def flows(mixed):
    """Maximum flow from each input token to the last position."""
    graph, n = networkx.DiGraph(), len(IDS)
    for block, weights in enumerate(mixed):
        for i, j in itertools.product(range(n), range(n)):
            if weights[i, j] > 0:
                graph.add_edge((block, j), (block + 1, i), capacity=float(weights[i, j]))
    return [networkx.maximum_flow_value(graph, (0, j), (len(mixed), n - 1)) for j in range(n)]


def main():
    tokenizer, output = sys.argv[1:]
    data = Path(__file__).parent.parent / "data"
    pattern = patterns(data / "layer_attribution" / "gpt2", tokenizer)
    mixed = ((1 - RESIDUAL_WEIGHT) * pattern.mean(1).numpy()
             + RESIDUAL_WEIGHT * numpy.eye(len(IDS)))
    rollout = [numpy.eye(len(IDS))]
    for weights in mixed:
        rollout.append(weights @ rollout[-1])
    reference = {"ids": IDS, "residual_weight": RESIDUAL_WEIGHT, "scores": scores(pattern),
                 "rollout": rollout[-1].tolist(), "max_flow": flows(mixed)}
    Path(output).parent.mkdir(parents=True, exist_ok=True)
    Path(output).write_text(json.dumps(reference) + "\n")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Reference values for edge attribution: `attribution_patch` (edges and nodes) and `faithfulness` of TransformerLens
(4.3.0) in float64.

Reads the checkpoints of tests/data/layer_attribution and writes tests/data/edge_attribution. Needs the Python packages
transformer-lens and safetensors.

    python tests/parity/edge_attribution_reference.py models/kjv-gpt2

The argument is any folder with a tokenizer: TransformerLens wants one, the results do not depend on it. The metric is
logit[6] - logit[9] at the last position. TransformerLens takes the gradient at the corrupted run and scores (clean -
corrupted) . gradient: lensbench gives the same numbers with method=eap and the two prompts exchanged. Scores are summed
over positions: `nodes` [sender], and matrices [reader, sender] with readers q, k, v of each head, MLP by block, logits,
and senders embedding, then heads and MLP by block; 0 where there is no edge. `faithfulness` keeps random circuits of all
positions.
"""

import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformer_lens.model_bridge import TransformerBridge
from transformer_lens.tools.analysis.attribution_patching import (
    EdgeAttributionConfig,
    attribution_patch,
    faithfulness,
)
from transformers import AutoTokenizer

DATA = Path(__file__).parents[1] / "data"
CLEAN, CORRUPTED = [3, 17, 5, 5, 11, 2], [3, 17, 8, 5, 11, 20]
MODELS = ["gpt2"]
SHARES = [0.1, 0.3, 0.5, 0.7, 0.9]


def metric(logits):
    return logits[0, -1, 6] - logits[0, -1, 9]


def sender_of(node, heads):
    if node.kind == "embed":
        return 0
    return 1 + node.layer * (heads + 1) + (node.head if node.kind == "attn_head_out" else heads)


def reader_of(node, layers, heads):
    if node.kind == "logits":
        return layers * (3 * heads + 1)
    first = node.layer * (3 * heads + 1)
    if node.kind == "mlp_in":
        return first + 3 * heads
    return first + {"q_input": 0, "k_input": 1, "v_input": 2}[node.kind] * heads + node.head


def values(folder, tokenizer):
    model = TransformerBridge.boot_transformers(str(folder), device="cpu", dtype=torch.float64, tokenizer=tokenizer)
    model.eval()
    layers, heads = model.cfg.n_layers, model.cfg.n_heads
    clean, corrupted = torch.tensor([CLEAN]), torch.tensor([CORRUPTED])
    found = attribution_patch(model, clean, corrupted, metric, EdgeAttributionConfig(granularity="edge"))
    nodes = torch.zeros(1 + layers * (heads + 1), dtype=torch.float64)
    by_node = attribution_patch(model, clean, corrupted, metric, EdgeAttributionConfig(granularity="node"))
    for node, score in by_node.node_scores.items():
        nodes[sender_of(node, heads)] += score
    shape = (layers * (3 * heads + 1) + 1, 1 + layers * (heads + 1))
    scores = torch.zeros(shape, dtype=torch.float64)
    places = {}
    for (source, target), score in found.edge_scores.items():
        place = (reader_of(target, layers, heads), sender_of(source, heads))
        scores[place] += score
        places.setdefault(place, []).append((source, target))
    generator = torch.Generator().manual_seed(1)
    circuits, recovered = [], []
    for share in SHARES:
        kept = torch.zeros(shape, dtype=torch.uint8)
        for place in sorted(places):
            kept[place] = torch.rand((), generator=generator).item() < share
        circuit = [edge for place, edges in sorted(places.items()) if kept[place] for edge in edges]
        result = faithfulness(model, clean, corrupted, metric, circuit)
        circuits.append(kept)
        recovered.append(result.recovered)
    return {
        "scores": scores,
        "nodes": nodes,
        "circuits": torch.stack(circuits),
        "recovered": torch.tensor(recovered, dtype=torch.float64),
        "ends": torch.tensor([result.full_metric, result.corrupt_metric], dtype=torch.float64),
        "edges": torch.tensor(len(places)),
    }


if __name__ == "__main__":
    tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
    (DATA / "edge_attribution").mkdir(exist_ok=True)
    for name in MODELS:
        results = values(DATA / "layer_attribution" / name, tokenizer)
        save_file(results, DATA / "edge_attribution" / f"{name}.safetensors")
        print(name, {key: tuple(value.shape) for key, value in results.items()}, results["recovered"].tolist())

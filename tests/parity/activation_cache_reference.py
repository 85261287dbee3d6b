#!/usr/bin/env python3
"""Reference values for the stacks of an activation cache, from TransformerLens 4.3.0 in float64.

Reads the checkpoints of tests/data/layer_attribution and writes for each a safetensors file of
results and a JSON file with their labels. Needs the Python packages transformer-lens and
safetensors.

    python tests/parity/activation_cache_reference.py models/kjv-gpt2 tests/data/activation_cache

The first argument is any folder with a tokenizer: TransformerLens wants one, the results do not
depend on it.
"""

import json
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformer_lens.model_bridge import TransformerBridge
from transformer_lens.utilities import Slice
from transformers import AutoTokenizer

TOKENS = [[3, 17, 5, 5, 11, 0, 23], [1, 2, 28, 9, 4, 4, 7]]


def stacks(cache, direction, directions):
    """Name of a case -> (values, labels)."""
    def labelled(method, *arguments, **options):
        return method(*arguments, return_labels=True, **options)
    a, d = cache.accumulated_resid, cache.decompose_resid
    h, n, f = cache.stack_head_results, cache.stack_neuron_results, cache.get_full_resid_decomposition
    return {
        "accumulated": labelled(a),
        "accumulated_mid": labelled(a, 2, incl_mid=True, mlp_input=True),
        "accumulated_ln_final": labelled(a, apply_ln=True),
        "accumulated_ln_block": labelled(a, 1, apply_ln=True, pos_slice=(1, 4)),
        "accumulated_ln_mlp": labelled(a, 1, apply_ln=True, mlp_input=True, pos_slice=-2),
        "decompose": labelled(d),
        "decompose_mlp_input": labelled(d, 1, mlp_input=True),
        "decompose_mlp": labelled(d, mode="mlp"),
        "decompose_attn": labelled(d, 2, mode="attn", incl_embeds=False),
        "decompose_ln": labelled(d, apply_ln=True, pos_slice=[0, 3, 2]),
        "decompose_ln_block": labelled(d, 2, apply_ln=True, mlp_input=True),
        "heads": labelled(h),
        "heads_remainder": labelled(h, 2, incl_remainder=True, apply_ln=True, pos_slice=(0, 7, 3)),
        "heads_none": labelled(h, 0, incl_remainder=True),
        "neurons": labelled(n, 2, neuron_slice=(2, 9, 3), incl_remainder=True),
        "neurons_one": labelled(n, -1, neuron_slice=4, pos_slice=-1, apply_ln=True),
        "neurons_mlp_input": labelled(n, 1, neuron_slice=[5, 1], incl_remainder=True,
                                      mlp_input=True, apply_ln=True),
        "neurons_projected": labelled(n, 2, incl_remainder=True, project_output_onto=direction),
        "neurons_ln_projected": labelled(n, -1, incl_remainder=True, apply_ln=True,
                                         project_output_onto=directions, pos_slice=(0, 2)),
        "full": labelled(f),
        "full_mlps": labelled(f, 2, expand_neurons=False),
        "full_mlp_input": labelled(f, 1, mlp_input=True, apply_ln=True, pos_slice=-1),
        "full_ln_projected": labelled(f, apply_ln=True, project_output_onto=direction,
                                      pos_slice=(1, 3)),
    }


def attributions(cache):
    """Results of a model whose final norm is folded into its unembedding."""
    stack = cache.decompose_resid()
    batch, ids = torch.tensor([7, 12]), torch.tensor(TOKENS)
    return {
        "attrs_token": cache.logit_attrs(stack, 7),
        "attrs_difference": cache.logit_attrs(stack, 7, 12),
        "attrs_batch": cache.logit_attrs(stack, batch, batch.flip(0)),
        "attrs_positions": cache.logit_attrs(stack, ids[0]),
        "attrs_batch_positions": cache.logit_attrs(stack, ids),
        "attrs_last": cache.logit_attrs(stack[:, :, -1], batch, pos_slice=-1),
        "attrs_second": cache.logit_attrs(stack, 7, batch_slice=1),
        "attrs_slices": cache.logit_attrs(stack[:, :, 2:5], batch[:1], pos_slice=(2, 5),
                                          batch_slice=(0, 1)),
    }


def opened(folder, tokenizer):
    return TransformerBridge.boot_transformers(str(folder), dtype=torch.float64,
                                               tokenizer=tokenizer)


@torch.no_grad()
def main(tokenizer_folder, out):
    tokenizer = AutoTokenizer.from_pretrained(tokenizer_folder)
    for name in ("gpt2", "llama"):
        folder = Path("tests/data/layer_attribution") / name
        model = opened(folder, tokenizer)
        torch.manual_seed(5)
        directions = torch.randn(model.cfg.d_model, 2, dtype=torch.float64)
        tokens = torch.tensor(TOKENS)
        logits, cache = model.run_with_cache(tokens)
        cache.compute_head_results()
        results, labels = {"tokens": tokens, "directions": directions, "logits": logits}, {}
        for case, (values, names) in stacks(cache, directions[:, 0], directions).items():
            results[case], labels[case] = values, [str(name) for name in names]
        folded = opened(folder, tokenizer)
        folded.enable_compatibility_mode(fold_ln=True, center_writing_weights=False,
                                         center_unembed=False, fold_value_biases=False)
        _, cache = folded.run_with_cache(tokens)
        results.update(attributions(cache))
        Path(out).mkdir(parents=True, exist_ok=True)
        save_file({key: (value if key == "tokens" else value.float()).contiguous()
                   for key, value in results.items()}, f"{out}/{name}.safetensors")
        Path(f"{out}/{name}.json").write_text(json.dumps(labels) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])

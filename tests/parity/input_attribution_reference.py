#!/usr/bin/env python3
"""Reference values for integrated gradients and occlusion: Captum on transformers in float64.

    python tests/parity/input_attribution_reference.py

Writes tests/data/input_attribution. Needs captum, torch, transformers and safetensors. The metric is logit[6] - logit[9]
at the last position, the baseline zero embeddings (integrated gradients) or the embedding of token 9 (occlusion of single
tokens).
"""

from pathlib import Path

import torch
from captum.attr import InputXGradient, IntegratedGradients, Occlusion
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM

DATA = Path(__file__).parents[1] / "data"
IDS = [3, 17, 5, 11, 2]
MODELS = ["gpt2", "llama-gqa"]
STEPS = 6


def attributions(name):
    model = AutoModelForCausalLM.from_pretrained(DATA / "models" / name, attn_implementation="eager",
                                                 dtype=torch.float64)
    model.eval().requires_grad_(False)
    table = model.get_input_embeddings()
    x = table(torch.tensor([IDS])).detach()
    token = table(torch.tensor([[9] * len(IDS)])).detach()

    def metric(embeddings):
        logits = model(inputs_embeds=embeddings, use_cache=False).logits[:, -1].double()
        return logits[:, 6] - logits[:, 9]

    integrated = IntegratedGradients(metric)
    results = {"gradient_x_input": InputXGradient(metric).attribute(x.clone().requires_grad_())}
    for ours, theirs in (("midpoint", "riemann_middle"), ("gauss_legendre", "gausslegendre")):
        results[ours] = integrated.attribute(x, baselines=torch.zeros_like(x), n_steps=STEPS, method=theirs)
    # Captum gives each of the d_model elements of the window the whole difference.
    occluded = Occlusion(metric).attribute(x, sliding_window_shapes=(1, x.shape[2]), baselines=token)
    results = {key: value.sum(-1) for key, value in results.items()}
    results["occlusion"] = occluded.mean(-1)
    return {key: value[0].detach().double().contiguous() for key, value in results.items()}


if __name__ == "__main__":
    (DATA / "input_attribution").mkdir(exist_ok=True)
    for name in MODELS:
        results = attributions(name)
        save_file(results, DATA / "input_attribution" / f"{name}.safetensors")
        print(name, {key: [round(v, 4) for v in value.tolist()] for key, value in results.items()})

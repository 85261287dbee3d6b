"""Writes tests/data/mixture: what the experts of transformers' Mixtral compute, in float64, as it is and when
some of it is replaced.

    python tests/parity/mixture_reference.py

Names are those of the hook points; `logits.NAME` are the logits after NAME is replaced (see REPLACED).
"""

from pathlib import Path

import torch
from families import FAMILIES
from reference_models import load
from safetensors.torch import load_file, save_file

DATA = Path(__file__).parents[1] / "data"
GATE, PRE, POST = "hook_gate", "hook_pre", "hook_post"


def experts_forward(layer, seen, replaced):
    """The loop of `MixtralExperts.forward` in the open, for what passes inside one expert."""

    def forward(module, hidden_states, top_k_index, top_k_weights):
        out = torch.zeros_like(hidden_states)
        for expert in range(module.num_experts):
            token, place = torch.where(top_k_index == expert)

            def point(name, tensor):
                name = f"blocks.{layer}.mlp.experts.{expert}.{name}"
                seen[name] = tensor
                return replaced[name](tensor) if name in replaced else tensor

            x = hidden_states[token]
            gate, up = torch.nn.functional.linear(x, module.gate_up_proj[expert]).chunk(2, dim=-1)
            values = point(POST, module.act_fn(point(GATE, gate)) * point(PRE, up))
            made = torch.nn.functional.linear(values, module.down_proj[expert])
            out.index_add_(0, token, made * top_k_weights[token, place, None])
        return out

    return forward


def run(model, ids, replaced):
    seen = {}
    hooks = []
    for layer, block in enumerate(model.model.layers):
        experts = block.mlp.experts
        experts.forward = experts_forward(layer, seen, replaced).__get__(experts)

        def router(_module, _inputs, output, layer=layer):
            scores, _, indices = output
            seen[f"blocks.{layer}.mlp.hook_router_scores"] = scores
            seen[f"blocks.{layer}.mlp.hook_expert_weights"] = scores.softmax(-1)
            seen[f"blocks.{layer}.mlp.hook_expert_indices"] = indices

        hooks.append(block.mlp.gate.register_forward_hook(router))
    with torch.no_grad():
        logits = model(ids, use_cache=False).logits
    for hook in hooks:
        hook.remove()
    return logits, seen


REPLACED = {
    "blocks.0.mlp.experts.1.hook_gate": lambda x: x + 0.5,
    "blocks.0.mlp.experts.2.hook_pre": lambda x: -2 * x,
    "blocks.1.mlp.experts.0.hook_post": torch.zeros_like,
}


if __name__ == "__main__":
    folder = DATA / "models" / "mixtral"
    model = load(FAMILIES["mixtral"], folder, torch.float64)
    ids = load_file(folder / "expected.safetensors")["ids"]
    with torch.no_grad():
        plain = model(ids, use_cache=False).logits
    logits, seen = run(model, ids, {})
    assert torch.equal(logits, plain), "the loop in the open is not that of transformers"
    result = dict(seen)
    for name, change in REPLACED.items():
        result[f"logits.{name}"] = run(model, ids, {name: change})[0]
        print(name, len(seen[name]), "rows; moves logits by", (result[f"logits.{name}"] - plain).abs().max().item())
    result = {k: (v.float() if v.is_floating_point() else v).contiguous() for k, v in result.items()}
    (DATA / "mixture").mkdir(exist_ok=True)
    save_file(result, DATA / "mixture" / "mixtral.safetensors")

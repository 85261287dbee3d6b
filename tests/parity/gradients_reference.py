"""Writes tests/data/gradients: derivatives of a metric by activations, by PyTorch on transformers in float64.

    python tests/parity/gradients_reference.py

The metric is  sum over the batch of  logit[last, 3] - logit[last, 7] + 0.5 logsumexp(logits[2]).
"""

from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

DATA = Path(__file__).parents[1] / "data"

# module below a block -> (hook of its input, hook of its output)
GPT2 = {
    "ln_1": ("hook_resid_pre", "ln1.hook_out"),
    "attn.c_proj": ("attn.hook_z", "hook_attn_out"),
    "ln_2": ("hook_resid_mid", "ln2.hook_out"),
    "mlp.c_fc": (None, "mlp.hook_pre"),
    "mlp.c_proj": ("mlp.hook_post", "hook_mlp_out"),
}
LLAMA = {
    "input_layernorm": ("hook_resid_pre", "ln1.hook_out"),
    "self_attn.q_proj": (None, "attn.hook_q"),
    "self_attn.k_proj": (None, "attn.hook_k"),
    "self_attn.v_proj": (None, "attn.hook_v"),
    "self_attn.o_proj": ("attn.hook_z", "hook_attn_out"),
    "post_attention_layernorm": ("hook_resid_mid", "ln2.hook_out"),
    "mlp.gate_proj": (None, "mlp.hook_pre"),
    "mlp.up_proj": (None, "mlp.hook_pre_linear"),
    "mlp.down_proj": ("mlp.hook_post", "hook_mlp_out"),
}
FAMILIES = {
    "gpt2": ("transformer.h", "transformer.ln_f", GPT2),
    "llama-gqa": ("model.layers", "model.norm", LLAMA),
}


def metric(logits):
    last = logits[:, -1]
    return (last[:, 3] - last[:, 7] + 0.5 * logits[:, 2].logsumexp(-1)).sum()


def gradients(name):
    folder = DATA / "models" / name
    model = AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager", dtype=torch.float64)
    model.eval().requires_grad_(False)
    blocks_name, final_name, points = FAMILIES[name]
    seen = {}

    def keep(hook, tensor):
        seen[hook] = tensor
        tensor.retain_grad()

    def watch(module, of_input, of_output):
        if of_input:
            module.register_forward_pre_hook(lambda _, x: keep(of_input, x[0]))
        if of_output:
            module.register_forward_hook(lambda _, x, y: keep(of_output, y))

    for i, block in enumerate(model.get_submodule(blocks_name)):
        for module, hooks in points.items():
            watch(block.get_submodule(module), *(h and f"blocks.{i}.{h}" for h in hooks))
    watch(model.get_submodule(final_name), None, "unembed.hook_in")
    embedding = model.get_input_embeddings()
    embedding.register_forward_hook(lambda _, x, y: y.requires_grad_())

    ids = load_file(folder / "expected.safetensors")["ids"]
    output = model(ids, output_attentions=True, use_cache=False)
    for i, pattern in enumerate(output.attentions):
        keep(f"blocks.{i}.attn.hook_pattern", pattern)
    value = metric(output.logits)
    value.backward()
    assert all(p.grad is None for p in model.parameters())
    d_head = model.config.hidden_size // model.config.num_attention_heads
    result = {}
    for hook, tensor in seen.items():
        grad = tensor.grad
        if hook.rsplit(".", 1)[1] in ("hook_q", "hook_k", "hook_v", "hook_z"):
            grad = grad.unflatten(-1, (-1, d_head))
        result[hook] = grad.float().contiguous()
    return result


if __name__ == "__main__":
    (DATA / "gradients").mkdir(exist_ok=True)
    for name in FAMILIES:
        result = gradients(name)
        save_file(result, DATA / "gradients" / f"{name}.safetensors")
        print(name, len(result), max(g.abs().max().item() for g in result.values()))

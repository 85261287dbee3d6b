#!/usr/bin/env python3
"""Reference values for layer_attribution, computed in float64 through Hugging Face modules.

Writes, for a tiny randomly initialised GPT-2 and a Llama, a checkpoint and expected.json:
what each component, head and neuron adds to a logit, and what ablation (zero, mean of the prompt) of each
attention and MLP output does to it. Nothing here knows lensbench: contributions come from the
outputs of the modules, ablations from forward hooks in full forwards.

    python tests/parity/layer_attribution_reference.py tests/data/layer_attribution
"""

import json
import sys
from pathlib import Path

import torch
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM
from transformers.models.llama import modeling_llama

IDS = [3, 17, 5, 5, 11, 0, 23]
TARGET, VERSUS = 7, 12


def gpt2():
    return GPT2LMHeadModel(GPT2Config(
        vocab_size=29, n_positions=12, n_embd=8, n_layer=3, n_head=2, n_inner=12,
        attn_implementation="eager", bos_token_id=None, eos_token_id=None))


def llama():
    # Grouped key-value heads, and a head size that is not d_model / heads.
    return LlamaForCausalLM(LlamaConfig(
        vocab_size=29, hidden_size=8, intermediate_size=12, num_hidden_layers=3,
        num_attention_heads=4, num_key_value_heads=2, head_dim=4, max_position_embeddings=32,
        tie_word_embeddings=False, attn_implementation="eager",
        bos_token_id=None, eos_token_id=None))


def double_rms_norm(self, x):
    """The library's own one computes in float32 whatever the model's type."""
    return self.weight * x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.variance_epsilon)


class View:
    """The parts of either architecture under one set of names."""

    def __init__(self, model):
        self.model = model
        if isinstance(model, GPT2LMHeadModel):
            inner = model.transformer
            self.blocks, self.norm = inner.h, inner.ln_f
            self.embeddings = [("embed", inner.wte), ("pos_embed", inner.wpe)]
            self.attn = [b.attn for b in self.blocks]
            self.attn_project = [b.attn.c_proj for b in self.blocks]
            self.mlp_project = [b.mlp.c_proj for b in self.blocks]
            self.matrix = lambda layer: layer.weight            # Conv1D: [in, out]
            self.heads = model.config.n_head
        else:
            inner = model.model
            self.blocks, self.norm = inner.layers, inner.norm
            self.embeddings = [("embed", inner.embed_tokens)]
            self.attn = [b.self_attn for b in self.blocks]
            self.attn_project = [b.self_attn.o_proj for b in self.blocks]
            self.mlp_project = [b.mlp.down_proj for b in self.blocks]
            self.matrix = lambda layer: layer.weight.T          # Linear: [out, in]
            self.heads = model.config.num_attention_heads
        self.mlp = [b.mlp for b in self.blocks]


def first(output):
    return output[0] if isinstance(output, tuple) else output


def record(view, ids):
    """Outputs of every embedding, attention, MLP; inputs of the projections and the final norm."""
    seen, handles = {}, []

    def keep(name, module, inputs_too=False):
        def hook(_, inputs, output):
            value = inputs[0] if inputs_too else first(output)
            value = value.detach().clone()
            seen[name] = value[0] if value.dim() == 3 else value
        handles.append(module.register_forward_hook(hook))

    for name, module in view.embeddings:
        keep(name, module)
    for i in range(len(view.blocks)):
        keep(f"{i}_attn_out", view.attn[i])
        keep(f"{i}_mlp_out", view.mlp[i])
        keep(f"{i}_z", view.attn_project[i], True)
        keep(f"{i}_post", view.mlp_project[i], True)
    keep("final", view.norm, True)
    logits = view.model(torch.tensor([ids])).logits[0]
    for handle in handles:
        handle.remove()
    return seen, logits


def ablated_logits(view, ids, module, kind):
    def hook(_, __, output):
        value = first(output)
        if kind == "zero":
            new = torch.zeros_like(value)
        else:
            new = value.mean(dim=1, keepdim=True).expand_as(value)
        return (new,) + tuple(output[1:]) if isinstance(output, tuple) else new
    handle = module.register_forward_hook(hook)
    logits = view.model(torch.tensor([ids])).logits[0]
    handle.remove()
    return logits


def contribution(view, written, final, rows):
    """Directly from the definition: centre what was written, divide by the real scale, gain, row."""
    norm = view.norm
    if hasattr(norm, "bias"):
        centred = final - final.mean(-1, keepdim=True)
        scale = (centred.pow(2).mean(-1, keepdim=True) + norm.eps).sqrt()
        written = written - written.mean(-1, keepdim=True)
    else:
        scale = (final.pow(2).mean(-1, keepdim=True) + norm.variance_epsilon).sqrt()
    return (written / scale * norm.weight * rows).sum(-1)


def pick(logits, target, versus):
    chosen = logits.gather(1, target[:, None])[:, 0]
    return chosen if versus is None else chosen - logits.gather(1, versus[:, None])[:, 0]


def neurons(view, seen, rows, position, count):
    found = []
    final = seen["final"][position]
    for i, projection in enumerate(view.mlp_project):
        written = seen[f"{i}_post"][position][:, None] * view.matrix(projection)
        values = contribution(view, written, final.expand_as(written), rows[position])
        found += [(i, n, v) for n, v in enumerate(values.tolist())]
    found.sort(key=lambda item: -abs(item[2]))
    return [{"layer": l, "index": n, "contribution": v} for l, n, v in found[:count]]


def reference(view, ids, target, versus):
    seen, logits = record(view, ids)
    weight = view.model.get_output_embeddings().weight
    rows = weight[target] if versus is None else weight[target] - weight[versus]
    final = seen["final"]
    labels = [name for name, _ in view.embeddings]
    labels += [f"{i}_{part}_out" for i in range(len(view.blocks)) for part in ("attn", "mlp")]
    out = {"components": {n: contribution(view, seen[n], final, rows).tolist() for n in labels}}
    bias = getattr(view.norm, "bias", None)
    out["components"]["bias"] = ([0.0] * len(ids) if bias is None
                                 else (rows * bias).sum(-1).tolist())
    heads = []
    for i, projection in enumerate(view.attn_project):
        matrix, z = view.matrix(projection), seen[f"{i}_z"]
        size = z.shape[-1] // view.heads
        heads.append([contribution(view, z[:, h * size:(h + 1) * size] @ matrix[h * size:(h + 1) * size],
                                   final, rows).tolist() for h in range(view.heads)])
    out["heads"] = heads
    out["neurons"] = neurons(view, seen, rows, len(ids) - 1, 5)
    clean = pick(logits, target, versus)
    out["target_id"], out["target_logit"] = target.tolist(), clean.tolist()
    out["ablation"] = {
        kind: {f"{i}_{part}_out": (pick(ablated_logits(view, ids, module, kind), target, versus)
                                   - clean).tolist()
               for part, modules in (("attn", view.attn), ("mlp", view.mlp))
               for i, module in enumerate(modules)}
        for kind in ("zero", "mean_of_prompt")}
    return out


def rounded(value):
    if isinstance(value, float):
        return float(f"{value:.12g}")
    if isinstance(value, list):
        return [rounded(v) for v in value]
    if isinstance(value, dict):
        return {k: rounded(v) for k, v in value.items()}
    return value


@torch.no_grad()
def main(folder):
    for name, make in (("gpt2", gpt2), ("llama", llama)):
        torch.manual_seed(20)
        model = make().float().eval()
        for parameter in model.parameters():  # no weight at its initial one or zero
            spread = 0.2 if parameter.dim() == 1 else 0.5
            parameter.add_(torch.randn_like(parameter) * spread)
        target_folder = Path(folder) / name
        model.save_pretrained(target_folder)
        (target_folder / "generation_config.json").unlink(missing_ok=True)
        (target_folder / "model.safetensors").chmod(0o644)
        modeling_llama.LlamaRMSNorm.forward = double_rms_norm
        view = View(model.double())
        everywhere = torch.full((len(IDS),), TARGET)
        own = model(torch.tensor([IDS])).logits[0].argmax(-1)
        following = torch.tensor(IDS[1:] + [own[-1].item()])
        expected = {"ids": IDS, "target": TARGET, "versus": VERSUS, "model_ids": own.tolist(),
                    "next": reference(view, IDS, following, None),
                    "difference": reference(view, IDS, everywhere,
                                            torch.full((len(IDS),), VERSUS))}
        text = json.dumps(rounded(expected))
        (target_folder / "expected.json").write_text(text + "\n")


if __name__ == "__main__":
    main(sys.argv[1])

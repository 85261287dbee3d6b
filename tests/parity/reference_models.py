"""Small random checkpoints that exercise every branch of a family, and what transformers makes of them."""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

GPT2 = dict(vocab_size=61, n_positions=48, n_embd=24, n_layer=2, n_head=4, bos_token_id=0, eos_token_id=0)
LLAMA = dict(
    vocab_size=61,
    hidden_size=24,
    intermediate_size=40,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=4,
    max_position_embeddings=64,
    bos_token_id=1,
    eos_token_id=2,
)


def rope(kind, **settings):
    return dict(rope_parameters=dict(rope_type=kind, rope_theta=10000.0, **settings))


# name -> (family, config overrides, sequence length). Lengths beyond `original_max_position_embeddings`
# (or, for dynamic scaling, `max_position_embeddings`) are where each rotary scaling differs.
CASES = {
    "gpt2": ("gpt2", {}, 20),
    "gpt2-untied": ("gpt2", dict(tie_word_embeddings=False), 20),
    "gpt2-layer-scale": ("gpt2", dict(scale_attn_by_inverse_layer_idx=True, n_inner=40), 20),
    "gpt2-unscaled": ("gpt2", dict(scale_attn_weights=False, activation_function="gelu"), 20),
    "gpt2-upcast": (
        "gpt2",
        dict(reorder_and_upcast_attn=True, activation_function="relu", layer_norm_epsilon=1e-3),
        20,
    ),
    "gpt2-quick-gelu": ("gpt2", dict(activation_function="quick_gelu", n_head=1), 48),
    "gpt2-silu": ("gpt2", dict(activation_function="silu", n_layer=1), 1),
    "gpt2-gelu-tanh": ("gpt2", dict(activation_function="gelu_pytorch_tanh"), 20),
    "llama": ("llama", {}, 20),
    "llama-tied": ("llama", dict(tie_word_embeddings=True), 20),
    "llama-gqa": ("llama", dict(num_key_value_heads=2), 20),
    "llama-mqa": ("llama", dict(num_key_value_heads=1, hidden_act="gelu_new"), 20),
    "llama-biases": ("llama", dict(attention_bias=True, mlp_bias=True, rms_norm_eps=1e-3), 20),
    "llama-head-dim": ("llama", dict(head_dim=16, num_key_value_heads=2), 20),
    "llama-theta": ("llama", rope("default") | dict(num_key_value_heads=2), 64),
    "llama-linear": ("llama", rope("linear", factor=4.0), 40),
    "llama-dynamic": ("llama", rope("dynamic", factor=4.0) | dict(max_position_embeddings=16), 40),
    "llama-dynamic-short": ("llama", rope("dynamic", factor=4.0), 20),
    "llama-llama3": (
        "llama",
        rope(
            "llama3",
            factor=8.0,
            low_freq_factor=1.0,
            high_freq_factor=4.0,
            original_max_position_embeddings=16,
        )
        | dict(head_dim=16, num_key_value_heads=2),
        40,
    ),
    "llama-yarn": (
        "llama",
        rope("yarn", factor=4.0, original_max_position_embeddings=16) | dict(head_dim=16),
        40,
    ),
    "llama-yarn-mscale": (
        "llama",
        rope(
            "yarn",
            factor=4.0,
            original_max_position_embeddings=16,
            mscale=0.8,
            mscale_all_dim=0.4,
            beta_fast=24.0,
            beta_slow=2.0,
            truncate=False,
        ),
        40,
    ),
    "llama-yarn-attention-factor": (
        "llama",
        rope("yarn", factor=2.0, original_max_position_embeddings=32, attention_factor=1.3),
        64,
    ),
}

# The cases committed for the tests without Python.
SAMPLES = (
    "gpt2",
    "gpt2-untied",
    "gpt2-layer-scale",
    "gpt2-unscaled",
    "llama",
    "llama-tied",
    "llama-gqa",
    "llama-biases",
    "llama-head-dim",
    "llama-linear",
    "llama-dynamic",
    "llama-llama3",
    "llama-yarn",
    "llama-yarn-mscale",
)


def build(name, seed=0):
    """A float32 model of the case with every parameter drawn, biases and norm gains too.

    What is added to the residual stream is scaled down with depth, as GPT-2 initialises it.
    """
    family, overrides, length = CASES[name]
    torch.manual_seed(seed)
    if family == "gpt2":
        model = GPT2LMHeadModel(GPT2Config(**(GPT2 | overrides)))
    else:
        model = LlamaForCausalLM(LlamaConfig(**(LLAMA | overrides)))
    with torch.no_grad():
        for parameter_name, parameter in model.named_parameters():
            is_gain = parameter.dim() == 1 and parameter_name.endswith("weight")
            residual = any(name in parameter_name for name in ("c_proj.weight", "o_proj.weight", "down_proj.weight"))
            parameter.normal_(1.0 if is_gain else 0.0, 0.1 if residual else 0.2)
    ids = torch.randint(0, model.config.vocab_size, (1, length))
    return model.eval(), ids


def use_older_rope_spelling(directory):
    """Writes the rotary settings of a saved config as transformers 4 did."""
    path = Path(directory) / "config.json"
    config = json.loads(path.read_text())
    settings = config.pop("rope_parameters")
    config["rope_theta"] = settings.pop("rope_theta")
    config["rope_scaling"] = None if settings["rope_type"] == "default" else settings
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def reference(directory, ids, dtype, mask=None):
    """Logits, hidden states (embedding first) and attention patterns, eager attention."""
    model = AutoModelForCausalLM.from_pretrained(directory, dtype=dtype, attn_implementation="eager").eval()
    if dtype == torch.float64:  # upcasting to float32 would be the opposite, and is refused
        for module in model.modules():
            if hasattr(module, "reorder_and_upcast_attn"):
                module.reorder_and_upcast_attn = False
    # transformers gives the last hidden state after the final norm; the stream before it is wanted.
    blocks = model.transformer.h if hasattr(model, "transformer") else model.model.layers
    last = {}
    hook = blocks[-1].register_forward_hook(
        lambda _m, _i, out: last.update(value=out[0] if isinstance(out, tuple) else out)
    )
    with torch.no_grad():
        out = model(
            ids, attention_mask=mask, output_hidden_states=True, output_attentions=True, use_cache=False
        )
    hook.remove()
    states = list(out.hidden_states[:-1]) + [last["value"]]
    return out.logits, states, list(out.attentions)


def write_sample(name, directory):
    """A checkpoint with what a float64 run of it gives, rounded to float32."""
    model, ids = build(name)
    directory = Path(directory)
    model.save_pretrained(directory)
    (directory / "generation_config.json").unlink(missing_ok=True)
    if "rope_parameters" in json.loads((directory / "config.json").read_text()) and not name.endswith("yarn"):
        use_older_rope_spelling(directory)
    logits, states, patterns = reference(directory, ids, torch.float64)
    tensors = {"ids": ids, "logits": logits.float()}
    tensors |= {f"hidden_states.{i}": state.float() for i, state in enumerate(states)}
    tensors["patterns.1"] = patterns[1].float()
    save_file({k: v.contiguous() for k, v in tensors.items()}, directory / "expected.safetensors")

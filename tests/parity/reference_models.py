"""Small random checkpoints of a case, and what transformers makes of them."""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForMaskedLM
from transformers.utils import logging

logging.disable_progress_bar()
logging.set_verbosity_error()


def auto_class(family):
    return AutoModelForMaskedLM if family.masked else AutoModelForCausalLM


def build(family, case, seed=0):
    """A float32 model of the case with every parameter drawn, biases and norm gains too, and a prompt.

    What is added to the residual stream is scaled down with depth, as GPT-2 initialises it.
    """
    settings = dict(model_type=family.model_types[0]) | family.base | case.config
    torch.manual_seed(seed)
    config = AutoConfig.for_model(settings.pop("model_type"), **settings)
    model = auto_class(family).from_config(config, attn_implementation="eager")
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            is_gain = parameter.dim() == 1 and name.endswith("weight")
            spread = 0.1 if any(part in name for part in family.residual) else 0.2
            spread *= min(1.0, (24 / config.get_text_config().hidden_size) ** 0.5)  # logits of unit scale
            spread = next((wide for part, wide in family.wider.items() if part in name), spread)
            parameter.normal_(family.gain_mean if is_gain else 0.0, spread)
        for name, buffer in model.named_buffers():
            if spread := next((wide for part, wide in family.wider.items() if part in name), None):
                buffer.normal_(0.0, spread)
    ids = torch.randint(0, config.get_text_config().vocab_size, (1, case.length))
    return model.eval(), ids


def save(family, case, directory, seed=0):
    """The case's checkpoint in `directory`. Returns the prompt's ids [1, length]."""
    model, ids = build(family, case, seed)
    directory = Path(directory)
    model.save_pretrained(directory)
    (directory / "generation_config.json").unlink(missing_ok=True)
    if case.older:
        path = directory / "config.json"
        config = json.loads(path.read_text())
        family.older(config)
        path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    return ids


def load(family, directory, dtype):
    """The checkpoint as transformers runs it: eager attention, the only kind that follows every setting."""
    model = auto_class(family).from_pretrained(directory, dtype=dtype, attn_implementation="eager").eval()
    model.config._experts_implementation = "eager"  # the grouped products know no float64
    if dtype == torch.float64:  # upcasting to float32 would be the opposite, and is refused
        for module in model.modules():
            if hasattr(module, "reorder_and_upcast_attn"):
                module.reorder_and_upcast_attn = False
    family.repair(model)
    return model


def blocks_of(model):
    layers = model.config.get_text_config().num_hidden_layers
    return next(m for m in model.modules() if isinstance(m, torch.nn.ModuleList) and len(m) == layers)


def routers(model):
    """The modules of a mixture that choose experts, one a layer; none for other models."""
    return [m for m in model.modules() if type(m).__name__.lower().endswith(("topkrouter", "llama4router"))]


def is_dense(out):
    """Whether a router gives the shares of all experts and its scores (Llama 4), not those that it chooses."""
    return len(out) == 2


def expert_choices(model, ids):
    """Experts chosen in each layer, and their shares, [position, choice] each."""
    chosen, shares = [], []

    def see(module, _inputs, out):
        chosen.append(out[1].topk(module.top_k).indices if is_dense(out) else out[2])
        shares.append(out[0].gather(-1, chosen[-1]) if is_dense(out) else out[1])

    hooks = [r.register_forward_hook(see) for r in routers(model)]
    with torch.no_grad():
        model(ids, use_cache=False)
    for hook in hooks:
        hook.remove()
    return chosen, shares


def logits_with_routing(model, ids, choices, probabilities=None):
    """Logits when each layer sends each position to these experts, with these probabilities of all experts or with
    its own."""

    renormalized = getattr(model.config, "norm_topk_prob", model.config.model_type not in ("phimoe", "llama4_text"))

    def choose(chosen, given):
        def hook(module, _inputs, out):
            scores = (out[1] if is_dense(out) else out[0]).float()
            sigmoid = is_dense(out) or hasattr(module, "e_score_correction_bias")
            score = torch.sigmoid if sigmoid else torch.nn.Softmax(-1)
            of_all = score(scores) if given is None else given
            weights = of_all.gather(-1, chosen)
            if renormalized:
                weights = weights / weights.sum(-1, keepdim=True)
            weights = weights * getattr(module, "routed_scaling_factor", 1.0)
            if is_dense(out):
                return torch.zeros_like(out[0]).scatter(-1, chosen, weights.to(out[0].dtype)), out[1]
            return out[0], weights.to(out[1].dtype), chosen

        return hook

    given = probabilities or [None] * len(choices)
    hooks = [r.register_forward_hook(choose(*c)) for r, *c in zip(routers(model), choices, given, strict=True)]
    with torch.no_grad():
        logits = model(ids, use_cache=False).logits
    for hook in hooks:
        hook.remove()
    return logits


def run(model, ids):
    """Logits, hidden states (embedding first) and attention patterns."""
    # transformers gives the last hidden state after the final norm; the stream before it is wanted.
    last = {}
    hook = blocks_of(model)[-1].register_forward_hook(
        lambda _m, _i, out: last.update(value=out[0] if isinstance(out, tuple) else out)
    )
    uncached = dict(use_cache=False) if model.can_generate() else {}
    with torch.no_grad():
        out = model(ids, output_hidden_states=True, output_attentions=True, **uncached)
    hook.remove()
    states = list(out.hidden_states[:-1]) + [last["value"]]
    return out.logits, states, list(out.attentions)


def write_sample(family, name, directory):
    """A checkpoint with what a float64 run of it gives, rounded to float32."""
    ids = save(family, family.cases[name], directory)
    logits, states, patterns = run(load(family, directory, torch.float64), ids)
    tensors = {"ids": ids, "logits": logits.float()}
    tensors |= {f"hidden_states.{i}": state.float() for i, state in enumerate(states)}
    tensors |= {f"patterns.{i}": pattern.float() for i, pattern in enumerate(patterns)}
    save_file({k: v.contiguous() for k, v in tensors.items()}, Path(directory) / "expected.safetensors")

#!/usr/bin/env python3
"""Reference for tuned_lens: 50 steps of training by the Python library tuned-lens (0.2.0), in float64.

Reads the checkpoints gpt2 and llama of tests/data/models and writes tests/data/tuned_lens. Needs the Python packages
torch, transformers, safetensors, numpy and tuned-lens (`pip install --no-deps tuned-lens==0.2.0` is enough: the lens
itself needs none of its other dependencies).

    python tests/parity/tuned_lens.py

If the library cannot be imported, its published update rule is computed with PyTorch alone; the first line says which
of the two was used. The loss, the gradient norm and the optimiser are those of tuned_lens/scripts/train_loop.py and
tuned_lens/scripts/ingredients.py: KL of the lens from the final layer, summed over windows and divided by their number,
all gradients clipped together to 1, SGD with Nesterov momentum 0.9, rate (1 - 0.9) * lr_scale that falls linearly to 0,
weight decay 1e-3.

For each model a folder as the library saves it, with the parameters converted to safetensors, and expected.safetensors:
ids [step, window, pos], training_kl [step, layer], prompt [pos], log_probability [layer, pos, vocab].
"""

import json
import sys
from copy import deepcopy
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM

DATA = Path(__file__).parents[1] / "data"
STEPS, WINDOWS, LENGTH = 50, 2, 12

# This file has the name of the library, which Python must not find here.
sys.path = [entry for entry in sys.path if Path(entry).resolve() != Path(__file__).resolve().parent]
try:
    from tuned_lens.nn.lenses import TunedLens

    print("tuned-lens (the Python library)")
except ImportError as error:
    TunedLens = None
    print(f"the published update rule in PyTorch ({error})")


class PublishedLens(torch.nn.Module):
    """The lens as tuned_lens/nn/lenses.py defines it."""

    def __init__(self, model):
        super().__init__()
        config = model.config
        one = torch.nn.Linear(config.hidden_size, config.hidden_size, dtype=torch.float64)
        one.weight.data.zero_()
        one.bias.data.zero_()
        self.layer_translators = torch.nn.ModuleList([deepcopy(one) for _ in range(config.num_hidden_layers)])
        body = model.base_model
        self.norm = body.ln_f if hasattr(body, "ln_f") else body.norm
        self.head = model.get_output_embeddings()

    def forward(self, h, idx):
        return self.head(self.norm(h + self.layer_translators[idx](h)))


def windows_of(vocab):
    """Windows of a fixed sequence, which any program can repeat."""
    state, ids = 1, []
    for _ in range(STEPS * WINDOWS * LENGTH):
        state = (1103515245 * state + 12345) % 2**31
        ids.append((state >> 8) % vocab)
    return torch.tensor(ids).view(STEPS, WINDOWS, LENGTH)


def train(model, lens, ids):
    parameters = list(lens.layer_translators.parameters())
    optimiser = torch.optim.SGD(parameters, lr=1.0 * (1 - 0.9), momentum=0.9, nesterov=True, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: max(0.0, (STEPS - step) / STEPS))
    losses = []
    for step in ids:
        total = torch.zeros(model.config.num_hidden_layers, dtype=torch.float64)
        for window in step:
            with torch.no_grad():
                output = model(input_ids=window.unsqueeze(0), output_hidden_states=True)
            labels = output.logits.log_softmax(-1)
            for layer, h in enumerate(output.hidden_states[:-1]):
                logits = lens(h, idx=layer)
                loss = torch.sum(labels.exp() * (labels - logits.log_softmax(-1)), dim=-1).mean() / len(step)
                loss.backward()
                total[layer] += loss.detach()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=False)
        schedule.step()
        losses.append(total)
    return torch.stack(losses)


def reference(name):
    model = AutoModelForCausalLM.from_pretrained(DATA / "models" / name, dtype=torch.float64).eval()
    model.requires_grad_(False)
    lens = PublishedLens(model) if TunedLens is None else TunedLens.from_model(model)
    ids = windows_of(model.config.vocab_size)
    losses = train(model, lens, ids)
    prompt = ids[-1, -1]
    with torch.no_grad():
        hidden = model(input_ids=prompt.unsqueeze(0), output_hidden_states=True).hidden_states[:-1]
        read = torch.stack([lens(h, idx=layer)[0].log_softmax(-1) for layer, h in enumerate(hidden)])
    folder = DATA / "tuned_lens" / name
    folder.mkdir(parents=True, exist_ok=True)
    state = {key: value.float().contiguous() for key, value in lens.layer_translators.state_dict().items()}
    save_file(state, folder / "params.safetensors")
    config = {
        "base_model_name_or_path": name,
        "d_model": model.config.hidden_size,
        "num_hidden_layers": model.config.num_hidden_layers,
        "bias": True,
        "base_model_revision": None,
        "unembed_hash": None if TunedLens is None else lens.config.unembed_hash,
        "lens_type": "linear_tuned_lens",
    }
    (folder / "config.json").write_text(json.dumps(config) + "\n")
    expected = {"ids": ids, "training_kl": losses.float(), "prompt": prompt.clone(), "log_probability": read.float()}
    save_file({key: value.contiguous() for key, value in expected.items()}, folder / "expected.safetensors")
    print(name, "mean KL at the first step", losses[0].tolist(), "at the last", losses[-1].tolist())


if __name__ == "__main__":
    for name in ["gpt2", "llama"]:
        reference(name)

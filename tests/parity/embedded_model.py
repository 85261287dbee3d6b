#!/usr/bin/env python3
"""Writes tests/data/embedded_model/expected.json: what Hugging Face transformers says of the embedded model.

    python3 tests/parity/embedded_model.py

The forward runs in float64; the lens is written out here (final norm and unembedding of each hidden
state), so nothing in the file comes from lensbench.
"""
import json
import pathlib

import torch
import transformers
from transformers import AutoTokenizer, GPT2LMHeadModel

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODEL = ROOT / "models" / "kjv-gpt2"
PROMPTS = [" the God of Abraham, of Isaac, and of", "And the LORD spake unto Moses,",
           "In the beginning God created the heaven and the earth."]


def lens(model, ids):
    with torch.no_grad():
        hidden = list(model(ids, output_hidden_states=True).hidden_states)
        # transformers returns the last hidden state after the final norm; the others before it.
        normed = [model.transformer.ln_f(h) for h in hidden[:-1]] + [hidden[-1]]
        return torch.stack([model.lm_head(n)[0] for n in normed]).log_softmax(-1)


def case(model, tokenizer, prompt):
    encoded = tokenizer(prompt, return_tensors="pt")["input_ids"]
    logp = lens(model, encoded)
    top = logp.exp().topk(3, -1)
    final = logp[-1]
    kl = (final.exp() * (final - logp)).sum(-1)
    entropy = -(logp.exp() * logp).sum(-1)
    generated = model.generate(encoded, max_new_tokens=12, do_sample=False, pad_token_id=0)[0]
    return {"prompt": prompt, "ids": encoded[0].tolist(), "top_ids": top.indices.tolist(),
            "top_probabilities": [[[round(p, 9) for p in row] for row in l] for l in top.values.tolist()],
            "entropy": [[round(x, 8) for x in l] for l in entropy.tolist()],
            "kl_final_to_layer": [[round(x, 8) for x in l] for l in kl.tolist()],
            "greedy": generated[encoded.shape[1]:].tolist()}


def main():
    model = GPT2LMHeadModel.from_pretrained(MODEL).double().eval()
    tokenizer = AutoTokenizer.from_pretrained(MODEL)
    out = {"made_with": f"transformers {transformers.__version__}, torch {torch.__version__}, float64",
           "cases": [case(model, tokenizer, p) for p in PROMPTS]}
    path = ROOT / "tests" / "data" / "embedded_model" / "expected.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(out) + "\n")


if __name__ == "__main__":
    main()

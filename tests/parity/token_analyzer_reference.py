#!/usr/bin/env python3
"""Reference values for token_analyzer, computed in float64 through Hugging Face.

For two tiny randomly initialised GPT-2 and two Llama checkpoints, which it writes, and for the
embedded model and an earlier moment of its training: how likely each token of a text was, what the
library's own logits processors would have left to draw from, and how the two models of a pair differ.
Nothing here knows lensbench.

    python tests/parity/token_analyzer_reference.py tests/data/token_analyzer models/kjv-gpt2
"""

import json
import sys
from pathlib import Path

import torch
import torch.nn.functional as F
from tokenizers import Tokenizer
from transformers import (AutoModelForCausalLM, GPT2Config, GPT2LMHeadModel, LlamaConfig,
                          LlamaForCausalLM, TemperatureLogitsWarper, TopKLogitsWarper,
                          TopPLogitsWarper)

IDS = [3, 17, 5, 5, 11, 0, 23, 46, 8, 29, 30, 1, 14, 2]
TEXT = ("And the LORD spake unto Aaron, saying, Speak unto the children of Israel, "
        "and the quantum computer shall be an abomination unto you.")
TOP_K, NUCLEUS, TEMPERATURES = 5, [0.5, 0.9], [0.5, 2.0]
SAMPLER = {"temperature": 0.8, "top_k": 12, "top_p": 0.7}


def gpt2():
    return GPT2LMHeadModel(GPT2Config(
        vocab_size=47, n_positions=24, n_embd=8, n_layer=2, n_head=2, n_inner=12,
        bos_token_id=None, eos_token_id=None))


def llama():
    return LlamaForCausalLM(LlamaConfig(
        vocab_size=47, hidden_size=8, intermediate_size=12, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, head_dim=4, max_position_embeddings=32,
        tie_word_embeddings=False, bos_token_id=None, eos_token_id=None))


def write_checkpoint(make, seed, folder):
    """Weights large enough that the distributions are far from uniform."""
    torch.manual_seed(seed)
    model = make()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(parameter + 0.4 * torch.randn_like(parameter))
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)


def logits_of(folder, ids):
    """[positions - 1, vocab]: the rows that score ids[1:]."""
    model = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float64, attn_implementation="eager").eval()
    with torch.no_grad():
        return model(torch.tensor([ids])).logits[0, :-1]


def nuclei(probabilities):
    ordered = probabilities.sort(descending=True).values.cumsum(0)
    sizes = [int((ordered < p).sum()) + 1 for p in NUCLEUS]
    return sizes, [float(ordered[n - 1]) for n in sizes]


def sampler(row, chosen):
    scores = row[None]
    for warp in (TemperatureLogitsWarper(SAMPLER["temperature"]),
                 TopKLogitsWarper(SAMPLER["top_k"]), TopPLogitsWarper(SAMPLER["top_p"])):
        scores = warp(None, scores)
    tempered = F.softmax(row / SAMPLER["temperature"], -1)
    after_top_k = tempered.topk(SAMPLER["top_k"]).values.sum()
    drawable = scores[0].isfinite()
    return {"sampling_probability": float(F.softmax(scores[0], -1)[chosen]),
            "sampling_candidates": int(drawable.sum()),
            "kept_by_top_k": float(after_top_k),
            "kept_by_top_p": float(tempered[drawable].sum() / after_top_k)}


def rank_of(row, i):
    """A rank that float32 has too: no other logit is as near as its rounding."""
    gaps = (row - row[i]).abs()
    gaps[i] = 1
    assert gaps.min() > 4e-5, f"a rank is decided by {gaps.min():.1e}: choose another text"
    return int((row > row[i]).sum()) + 1


def entropy(row):
    return float(torch.distributions.Categorical(logits=row).entropy())


def step(row, chosen):
    p = F.softmax(row, -1)
    top = p.topk(TOP_K)
    sizes, held = nuclei(p)
    hot = [F.softmax(row / t, -1) for t in TEMPERATURES]
    return {
        "chosen_probability": float(p[chosen]),
        "surprisal": float(F.cross_entropy(row[None], torch.tensor([chosen]))),
        "chosen_rank": rank_of(row, chosen),
        "entropy": entropy(row),
        "margin": float(top.values[0] - top.values[1]),
        "top_id": top.indices.tolist(),
        "top_probability": top.values.tolist(),
        "top_cumulative_probability": top.values.cumsum(0).tolist(),
        "nucleus_size": sizes,
        "nucleus_probability": held,
        "entropy_at_temperature": [entropy(row / t) for t in TEMPERATURES],
        "top_probability_at_temperature": [float(q.max()) for q in hot],
        "chosen_probability_at_temperature": [float(q[chosen]) for q in hot],
        **sampler(row, chosen),
    }


def compared(row, other, chosen):
    log_p, log_q = F.log_softmax(row, -1), F.log_softmax(other, -1)
    log_m = torch.logaddexp(log_p, log_q) - torch.tensor(2.0, dtype=torch.float64).log()
    kl = lambda a, b: float(F.kl_div(b, a, reduction="sum", log_target=True))
    return {
        "kl": kl(log_p, log_q),
        "kl_reverse": kl(log_q, log_p),
        "js_divergence": (kl(log_p, log_m) + kl(log_q, log_m)) / 2,
        "surprisal_in_other": float(-log_q[chosen]),
        "entropy_in_other": entropy(other),
        "rank_in_other": rank_of(other, chosen),
        "rank_change": rank_of(other, chosen) - rank_of(row, chosen),
        "top_differs": int(row.argmax() != other.argmax()),
        "other_top_id": other.topk(TOP_K).indices.tolist(),
        "top_rank_in_other": [rank_of(other, i) for i in row.topk(TOP_K).indices],
        "other_top_rank": [rank_of(row, i) for i in other.topk(TOP_K).indices],
    }


def columns(records):
    return {key: [r[key] for r in records] for key in records[0]}


def rounded(value):
    if isinstance(value, float):
        return float(f"{value:.10g}")
    if isinstance(value, dict):
        return {k: rounded(v) for k, v in value.items()}
    return [rounded(v) for v in value] if isinstance(value, list) else value


def reference(folder, other_folder, ids):
    own, other = logits_of(folder, ids), logits_of(other_folder, ids)
    targets = torch.tensor(ids[1:])
    parted = (own.argmax(-1) != other.argmax(-1)).nonzero()
    return rounded({
        "ids": ids, "top_k": TOP_K, "nucleus": NUCLEUS, "temperatures": TEMPERATURES,
        "sampler": SAMPLER,
        "perplexity": float(F.cross_entropy(own, targets).exp()),
        "perplexity_in_other": float(F.cross_entropy(other, targets).exp()),
        "first_parting": int(parted[0]) + 1 if len(parted) else -1,
        "tokens": columns([step(r, i) for r, i in zip(own, ids[1:])]),
        "comparison": columns([compared(p, q, i) for p, q, i in zip(own, other, ids[1:])]),
    })


def main():
    out, embedded = Path(sys.argv[1]), Path(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    cases = {}
    for name, make in (("gpt2", gpt2), ("llama", llama)):
        for seed, folder in ((1, out / name), (2, out / f"{name}_other")):
            write_checkpoint(make, seed, folder)
        cases[name] = (out / name, out / f"{name}_other", IDS)
    ids = Tokenizer.from_file(str(embedded / "tokenizer.json")).encode(TEXT).ids
    cases["kjv"] = (embedded, embedded / "checkpoints" / "step-400", ids)
    for name, case in cases.items():
        text = json.dumps(reference(*case), separators=(",", ":"))
        (out / f"{name}.json").write_text(text.replace('],"', '],\n"') + "\n")


if __name__ == "__main__":
    main()

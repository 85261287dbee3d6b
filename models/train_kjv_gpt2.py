#!/usr/bin/env python3
"""Trains the embedded model: a small GPT-2 on the King James Bible, with earlier checkpoints.

Needs Debian's `bible-kjv` (the text, public domain) and from PyPI: torch, transformers, tokenizers,
safetensors. Takes well under an hour on two cores. The product itself never runs this.

    python3 models/train_kjv_gpt2.py --out models/kjv-gpt2

writes the final model to OUT (float32) and the earlier checkpoints to OUT/checkpoints/step-N
(float16, to keep them small), each a directory that `from_pretrained` opens.
"""
import argparse
import json
import math
import pathlib
import subprocess
import time

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

END_OF_TEXT = "<|endoftext|>"
CONTEXT = 256


def read_books():
    """One list of (chapter, verse text) a book, in the order of the canon."""
    out = subprocess.run(["bible", "-f", "Gen1:1-Rev99:99"], stdin=subprocess.DEVNULL,
                         capture_output=True, text=True, check=True).stdout
    books = {}
    for line in out.splitlines():
        reference, verse = line.split(" ", 1)
        book, chapter = reference.split(":")[0].rstrip("0123456789"), reference.split(":")[0]
        books.setdefault(book, []).append((chapter, verse))
    return books


def split_text(books):
    """Every 40th chapter is held out. Returns (training documents, held-out documents)."""
    train, held_out, seen = [], [], {}
    for verses in books.values():
        document = []
        for chapter, verse in verses:
            number = seen.setdefault(chapter, len(seen))
            if number % 40 == 39:
                if not held_out or held_out[-1][0] != chapter:
                    held_out.append((chapter, []))
                held_out[-1][1].append(verse)
            else:
                document.append(verse)
        train.append("\n".join(document))
    return train, ["\n".join(verses) for _, verses in held_out]


def train_tokenizer(documents, vocab_size):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(documents, trainers.BpeTrainer(
        vocab_size=vocab_size, special_tokens=[END_OF_TEXT],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token=END_OF_TEXT,
                                   eos_token=END_OF_TEXT, unk_token=END_OF_TEXT,
                                   model_max_length=CONTEXT)


def encode(tokenizer, documents):
    end = tokenizer.convert_tokens_to_ids(END_OF_TEXT)
    ids = []
    for document in documents:
        ids += [end] + tokenizer(document)["input_ids"]
    return torch.tensor(ids)


@torch.no_grad()
def held_out_loss(model, ids):
    model.eval()
    windows = ids[: len(ids) // CONTEXT * CONTEXT].view(-1, CONTEXT)
    losses = [model(w, labels=w).loss.item() * len(w) for w in windows.split(32)]
    model.train()
    return sum(losses) / len(windows)


def save(model, tokenizer, folder, dtype):
    folder.mkdir(parents=True, exist_ok=True)
    state = {k: v.detach().clone().to(dtype) for k, v in model.state_dict().items()}
    copy = GPT2LMHeadModel(model.config).to(dtype)
    copy.load_state_dict(state)
    copy.save_pretrained(folder, safe_serialization=True)
    tokenizer.save_pretrained(folder)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--minutes", type=float, default=28, help="stop after about so long")
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--vocab", type=int, default=2048)
    parser.add_argument("--seed", type=int, default=20)
    args = parser.parse_args()
    torch.manual_seed(args.seed)

    train_documents, held_out_documents = split_text(read_books())
    tokenizer = train_tokenizer(train_documents, args.vocab)
    train_ids, held_out_ids = encode(tokenizer, train_documents), encode(tokenizer, held_out_documents)
    print(f"tokens: {len(train_ids)} train, {len(held_out_ids)} held out", flush=True)

    config = GPT2Config(vocab_size=len(tokenizer), n_positions=CONTEXT, n_embd=128, n_layer=6, n_head=4,
                        resid_pdrop=0.0, embd_pdrop=0.05, attn_pdrop=0.0,
                        bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id)
    model = GPT2LMHeadModel(config)
    print(f"parameters: {model.num_parameters()}", flush=True)
    decay = [p for p in model.parameters() if p.dim() >= 2]
    plain = [p for p in model.parameters() if p.dim() < 2]
    optimizer = torch.optim.AdamW([{"params": decay, "weight_decay": 0.1},
                                   {"params": plain, "weight_decay": 0.0}], lr=1e-3, betas=(0.9, 0.98))
    peak, warmup = 2e-3, 100
    keep_at, log, began = [0, 100, 400, 1200], [], time.time()
    for step in range(args.steps + 1):
        if step in keep_at or step == args.steps:
            loss = held_out_loss(model, held_out_ids)
            log.append({"step": step, "held_out_loss": round(loss, 4)})
            print(f"step {step}: held-out loss {loss:.4f}, {time.time() - began:.0f} s", flush=True)
            if step < args.steps:
                save(model, tokenizer, args.out / "checkpoints" / f"step-{step}", torch.float16)
        if step == args.steps:
            break
        # The schedule follows the steps, but a slow machine stops on time with the rate run down.
        progress = max(step / args.steps, (time.time() - began) / (60 * args.minutes))
        if progress >= 1:
            args.steps = step
            loss = held_out_loss(model, held_out_ids)
            log.append({"step": step, "held_out_loss": round(loss, 4)})
            break
        rate = peak * min((step + 1) / warmup, 0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * progress)))
        for group in optimizer.param_groups:
            group["lr"] = rate
        starts = torch.randint(0, len(train_ids) - CONTEXT, (args.batch,))
        batch = torch.stack([train_ids[s:s + CONTEXT] for s in starts])
        loss = model(batch, labels=batch).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if step % 100 == 0:
            print(f"  step {step}: batch loss {loss.item():.3f}, {time.time() - began:.0f} s", flush=True)
    save(model, tokenizer, args.out, torch.float32)
    (args.out / "training_log.json").write_text(json.dumps(log, indent=1) + "\n")
    print(json.dumps(log), flush=True)


if __name__ == "__main__":
    main()

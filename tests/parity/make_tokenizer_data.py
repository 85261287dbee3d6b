#!/usr/bin/env python3
"""Writes tests/data/tokenizers: a small tokenizer of each style and what Hugging Face `tokenizers` makes
of about sixty texts, for these and for the tokenizers of ../shared (whose files are not copied).

    python3 tests/parity/make_tokenizer_data.py [NAME...]
"""
import json
import random
import sys

from tokenizer_directories import write_directory
from tokenizer_parity import ROOT, expected, reference_tokenizer, special_contents
from tokenizer_samples import fixed_texts, random_texts
from tokenizer_styles import STYLES

DATA = ROOT / "tests/data/tokenizers"
TEXTS = 60


def chosen_texts(special):
    rng = random.Random(7)
    fixed = fixed_texts(special)
    texts = rng.sample(fixed[:-len(fixed) // 6], TEXTS - 25) + rng.sample(fixed[-len(fixed) // 6:], 13) + list(random_texts(rng, 12))
    return [t.encode() if isinstance(t, str) else t for t in texts]


def entry(tokenizer, raw):
    want = expected(tokenizer, raw)
    try:
        text = {"text": raw.decode()}
    except UnicodeDecodeError:
        text = {"hex": raw.hex()}
    return text | {k: want[k] for k in ("ids", "plain_ids", "offsets", "decoded")}


def write(name, tokenizer):
    entries = [entry(tokenizer, raw) for raw in chosen_texts(special_contents(tokenizer))]
    lines = ",\n".join(json.dumps(e, ensure_ascii=True, separators=(",", ":")) for e in entries)
    (DATA / f"{name}.expected.json").write_text(f"[\n{lines}\n]\n")
    print(f"{name}: {len(entries)} texts")


# Directories with files of their own kind.
SAMPLED_DIRECTORIES = ("bert_vocab", "distilbert_vocab", "opt_merges", "roberta_merges")


def main():
    chosen = sys.argv[1:]
    DATA.mkdir(parents=True, exist_ok=True)
    for name in SAMPLED_DIRECTORIES:
        if not chosen or name in chosen:
            write(name, write_directory(name, DATA / name))
    for style, make in STYLES.items():
        if chosen and style not in chosen:
            continue
        (DATA / style).mkdir(exist_ok=True)
        make().save(str(DATA / style / "tokenizer.json"), pretty=False)
        write(style, reference_tokenizer(DATA / style))
    shared = ROOT.parent / "shared"
    import os
    shared = type(shared)(os.environ.get("LENSBENCH_SHARED", shared))
    for name, folder in {"shared_gpt2": "tokenizers/gpt2", "shared_qwen3": "tokenizers/qwen3",
                         "shared_aidreams260k": "models/aidreams260k"}.items():
        if (shared / folder).exists() and (not chosen or name in chosen):
            write(name, reference_tokenizer(shared / folder))


if __name__ == "__main__":
    main()

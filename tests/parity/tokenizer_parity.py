#!/usr/bin/env python3
"""Compares lensbench's tokenizers with Hugging Face `tokenizers`: ids, offsets and decoded text.

    cmake --build --preset release --target tokenize_lines
    python3 tests/parity/tokenizer_parity.py [--texts 2000] [--models DIR...]

Needs `tokenizers` and `transformers`. Compares a small tokenizer of each style, trained here, directories
without tokenizer.json as older checkpoints are, then every model directory given (by default those of ../shared that are there). Exit code 1 if anything differs.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

from tokenizers import Tokenizer

from tokenizer_directories import DIRECTORIES, write_directory
from tokenizer_samples import texts_for
from tokenizer_styles import STYLES

ROOT = pathlib.Path(__file__).resolve().parents[2]
FIELDS = ("ids", "plain_ids", "offsets", "decoded", "decoded_plain")


def reference_tokenizer(directory):
    if (directory / "tokenizer.json").exists():
        tokenizer = Tokenizer.from_file(str(directory / "tokenizer.json"))
    else:
        from transformers import GPT2TokenizerFast
        tokenizer = GPT2TokenizerFast(vocab=str(directory / "vocab.json"), merges=str(directory / "merges.txt")).backend_tokenizer
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def byte_offsets(raw, text):
    """For each character of the repaired text, and its end, the offset in the bytes it came from."""
    offsets, at = [], 0
    decoder_errors = []
    import codecs
    codecs.register_error("lensbench_note", lambda e: (decoder_errors.append((e.start, e.end)), ("\ufffd", e.end))[1])
    assert raw.decode("utf-8", "lensbench_note") == text
    bad = dict(decoder_errors)
    for char in text:
        offsets.append(at)
        at = bad[at] if at in bad else at + len(char.encode())
    return offsets + [at]


def expected(tokenizer, raw):
    text = raw.decode("utf-8", "replace")
    places = byte_offsets(raw, text)
    encoding = tokenizer.encode(text)
    return {
        "ids": encoding.ids,
        "plain_ids": tokenizer.encode(text, add_special_tokens=False).ids,
        "offsets": [[places[a], places[b]] for a, b in encoding.offsets],
        "decoded": tokenizer.decode(encoding.ids, skip_special_tokens=False),
        "decoded_plain": tokenizer.decode(encoding.ids, skip_special_tokens=True),
    }


def special_contents(tokenizer):
    return [token.content for _, token in sorted(tokenizer.get_added_tokens_decoder().items())][:12]


def compare(name, directory, tokenizer, program, count, seed):
    texts = texts_for(special_contents(tokenizer), count, seed)
    done = subprocess.run([program, str(directory)], input="\n".join(t.hex() for t in texts) + "\n",
                          capture_output=True, text=True)
    if done.returncode:
        print(f"{name}: {done.stderr.strip()}")
        return len(texts)
    results = [json.loads(line) for line in done.stdout.rstrip("\n").split("\n")]
    differing, shown, counts = 0, 0, dict.fromkeys(FIELDS + ("error",), 0)
    for raw, result in zip(texts, results, strict=True):
        want = expected(tokenizer, raw)
        wrong = [f for f in FIELDS if result.get(f) != want[f]] if "error" not in result else ["error"]
        for field in wrong:
            counts[field] += 1
        differing += bool(wrong)
        if wrong and shown < 5:
            shown += 1
            print(f"  {raw!r}: {wrong[0]}\n    expected {want.get(wrong[0])}\n    found    {result.get(wrong[0])}")
    detail = ", ".join(f"{n} in {f}" for f, n in counts.items() if n)
    print(f"{name}: {len(texts)} texts, {differing} differ{' (' + detail + ')' if detail else ''}", flush=True)
    return differing


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=int, default=2000, help="random texts for each tokenizer")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--models", type=pathlib.Path, nargs="*")
    parser.add_argument("--styles", nargs="*", default=list(STYLES) + list(DIRECTORIES))
    parser.add_argument("--program", default=str(ROOT / "build/release/bin/tokenize_lines"))
    args = parser.parse_args()
    shared = ROOT.parent / "shared"
    models = args.models if args.models is not None else [
        shared / "tokenizers/gpt2", shared / "tokenizers/qwen3", shared / "models/aidreams260k", ROOT / "models/kjv-gpt2"]
    differing = 0
    with tempfile.TemporaryDirectory() as folder:
        for style in args.styles:
            directory = pathlib.Path(folder) / style
            if style in DIRECTORIES:
                reference = write_directory(style, directory)
            else:
                directory.mkdir()
                STYLES[style]().save(str(directory / "tokenizer.json"))
                reference = reference_tokenizer(directory)
            differing += compare(style, directory, reference, args.program, args.texts, args.seed)
    for directory in models:
        if not any((directory / name).exists() for name in ("tokenizer.json", "vocab.json")):
            print(f"{directory}: not there, skipped")
            continue
        differing += compare(str(directory), directory, reference_tokenizer(directory), args.program, args.texts, args.seed)
    print(f"{differing} texts differ")
    return differing > 0


if __name__ == "__main__":
    sys.exit(main())

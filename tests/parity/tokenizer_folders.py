#!/usr/bin/env python3
"""Draws tokenizer folders at random and compares the ids of `lensbench tokenize` with AutoTokenizer.

    cmake --build --preset release --target lensbench_command
    python3 tests/parity/tokenizer_folders.py [--draws 2000] [--seed 1] [--keep FOLDER]

A folder holds a small tokenizer (the styles of tokenizer_styles.py) as tokenizer.json or as vocabulary
files, and settings, special tokens and added tokens in tokenizer_config.json, special_tokens_map.json,
added_tokens.json and config.json, which agree with it, contradict it or add to it. Each draw must give
equal ids for all texts, or a refusal that names a file. (The command does not take an empty text; the folders
of tests/fixtures/realworld have one.) Prints refusals by reason, and differing folders.
Needs transformers 5.24.0. Exit code 1 if anything differs.
"""
import argparse
import collections
import json
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile

os.environ.setdefault("TRANSFORMERS_VERBOSITY", "critical")
os.environ["HF_HUB_OFFLINE"] = "1"

from transformers import AutoTokenizer  # noqa: E402

from tokenizer_samples import fixed_texts, random_texts  # noqa: E402
from tokenizer_styles import STYLES  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
ROLES = ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"]
BYTE_LEVEL = ["GPT2Tokenizer", "GPTNeoXTokenizer", "RobertaTokenizer", "Qwen2Tokenizer", "Qwen3_5Tokenizer",
              "CodeGenTokenizer", "BartTokenizer", "LlamaTokenizer"]
# style -> classes that such folders state
CLASSES = {"bert": ["BertTokenizer", "DistilBertTokenizer", "MobileBertTokenizer"], "bert_cased": ["BertTokenizer"],
           "llama2": ["LlamaTokenizer", "GemmaTokenizer"], "phi3": ["LlamaTokenizer"], "gemma": ["GemmaTokenizer", "LlamaTokenizer"],
           "metaspace": ["LlamaTokenizer"], "t5": ["T5Tokenizer", "XLMRobertaTokenizer"], "albert": ["AlbertTokenizer"],
           "xlm": ["XLMRobertaTokenizer"], "unigram_bytes": ["T5Tokenizer", "AlbertTokenizer"], "suffix": [], "prefix": []}
OTHER_CLASSES = ["PreTrainedTokenizerFast", "TokenizersBackend", "PreTrainedTokenizer", "BloomTokenizerFast", "OwnTokenizer",
                 "CLIPTokenizer", "DebertaV2Tokenizer", "BertJapaneseTokenizer"]
MODEL_TYPES = ["gpt2", "gpt_neox", "roberta", "qwen2", "qwen3", "bert", "distilbert", "llama", "mistral", "gemma2", "phi", "phi3",
               "opt", "olmo2", "stablelm", "bloom", "t5", "albert", "xlm-roberta", "falcon", "unheard_of"]
FLAGS = ["add_prefix_space", "do_lower_case", "strip_accents", "tokenize_chinese_chars", "legacy", "split_special_tokens",
         "add_bos_token", "add_eos_token", "keep_accents", "trim_offsets", "clean_up_tokenization_spaces"]
NULLABLE = {"strip_accents", "legacy"}
NEW = ["<new>", "<|im_start|>", "<|im_end|>", "<New Token>", "[X]", "Öl", "中文", "ing", " two ", "_mark_", "<extra_id_0>", "<ÉTÉ>"]


class Draw:
    """One folder, from one seed."""

    def __init__(self, seed, styles):
        self.rng = random.Random(seed)
        self.style = self.rng.choice(sorted(styles))
        self.json = json.loads(styles[self.style])
        self.files = {}
        self.named = []
        self.make()

    def maybe(self, probability):
        return self.rng.random() < probability

    def vocabulary(self):
        vocab = self.json["model"]["vocab"]
        return list(vocab) if isinstance(vocab, dict) else [token for token, _ in vocab]

    def token(self):
        """Content of a special token: stored, of the vocabulary, or new."""
        stored = [token["content"] for token in self.json["added_tokens"]]
        kind = self.rng.random()
        if kind < 0.55 and stored:
            content = self.rng.choice(stored)
        elif kind < 0.65:
            content = self.rng.choice(self.vocabulary())
        else:
            content = self.rng.choice(NEW)
        self.named.append(content)
        return content

    def properties(self, content, complete=0.8):
        flags = {name: self.maybe(0.25) for name in ("single_word", "lstrip", "rstrip", "normalized", "special")}
        flags["special"] = self.maybe(0.7)
        if not self.maybe(complete):
            del flags[self.rng.choice(sorted(flags))]
        return {"content": content} | flags

    def marked(self, content):
        return self.properties(content) | {"__type": "AddedToken"}

    def mutate_stored(self):
        added = self.json["added_tokens"]
        if self.maybe(0.3) and len(added) > 1:  # the last tokens are missing
            del added[-self.rng.randrange(1, len(added)):]
        if self.maybe(0.3):
            for token in added:
                token.update((name, self.maybe(0.5)) for name in ("lstrip", "rstrip", "normalized", "single_word") if self.maybe(0.2))
                token["special"] ^= self.maybe(0.1)
        if self.maybe(0.1):
            self.json["padding"] = {"strategy": "BatchLongest", "direction": "Right", "pad_to_multiple_of": None, "pad_id": 0,
                                    "pad_type_id": 0, "pad_token": self.token()}
        if self.maybe(0.1):
            self.json["post_processor"] = None

    def roles(self, config):
        for role in ROLES:
            if self.maybe(0.35):
                config[role] = self.rng.choice([self.token(), self.token(), self.marked(self.token())])
            elif self.maybe(0.04):
                config[role] = None
        if self.maybe(0.15):
            config["image_token"] = self.token()

    def lists(self, config):
        if self.maybe(0.2):
            key = self.rng.choice(["additional_special_tokens", "extra_special_tokens"])
            config[key] = [self.rng.choice([self.token(), self.marked(self.token())]) for _ in range(self.rng.randrange(0, 4))]
        if self.maybe(0.05):
            config["extra_special_tokens"] = {"image_token": self.token()}
        if self.maybe(0.05):
            config["additional_special_tokens"] = [self.token()]

    def decoder(self):
        listed = {str(token["id"]): {key: value for key, value in token.items() if key != "id"} for token in self.json["added_tokens"]}
        for id in list(listed):
            if self.maybe(0.15):
                listed[id] = self.properties(listed[id]["content"])
            elif self.maybe(0.1):
                del listed[id]
        next_id = len(set(self.vocabulary()) | {token["content"] for token in self.json["added_tokens"]})
        for _ in range(self.rng.randrange(0, 4)):
            content = self.token()
            if self.maybe(0.1):
                next_id += self.rng.randrange(5)
            listed[str(next_id)] = self.properties(content)
            next_id += 1
        return listed

    def config(self):
        config = {}
        classes = CLASSES.get(self.style, BYTE_LEVEL)
        kind = self.rng.random()
        if kind < 0.65 and classes:
            config["tokenizer_class"] = self.rng.choice(classes) + self.rng.choice(["", "Fast"])
        elif kind < 0.85:
            config["tokenizer_class"] = self.rng.choice(OTHER_CLASSES)
        for flag in FLAGS:
            if self.maybe(0.2):
                config[flag] = None if flag in NULLABLE and self.maybe(0.2) else self.maybe(0.5)
        if self.maybe(0.03):
            config["extra_ids"] = self.rng.randrange(4)
        self.roles(config)
        self.lists(config)
        if self.maybe(0.4):
            config["added_tokens_decoder"] = self.decoder()
        return config

    def special_map(self):
        entries = {}
        for role in ROLES:
            if self.maybe(0.4):
                entries[role] = self.rng.choice([self.token(), self.properties(self.token())])
        if self.maybe(0.2):
            entries[self.rng.choice(["additional_special_tokens", "extra_special_tokens"])] = [self.token() for _ in range(self.rng.randrange(3))]
        if self.maybe(0.05):
            entries["add_prefix_space"] = self.maybe(0.5)
        return entries

    def write_vocabulary(self):
        model = self.json["model"]
        tokens = model["vocab"] | {token["content"]: token["id"] for token in self.json["added_tokens"]}
        if self.style in ("bert", "bert_cased"):
            self.files["vocab.txt"] = "".join(token + "\n" for token in sorted(tokens, key=tokens.get))
        else:
            merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in model["merges"]]
            self.files["vocab.json"] = tokens
            self.files["merges.txt"] = "\n".join(["#version: 0.2"] + merges) + "\n"

    def make(self):
        as_vocabulary = self.maybe(0.15) and isinstance(self.json["model"]["vocab"], dict)
        if not as_vocabulary:
            self.mutate_stored()
        if self.maybe(0.9):
            self.files["tokenizer_config.json"] = self.config()
        if self.maybe(0.25):
            self.files["special_tokens_map.json"] = self.special_map()
        if self.maybe(0.2):
            first = len(set(self.vocabulary()) | {token["content"] for token in self.json["added_tokens"]})
            names = sorted({self.token() for _ in range(self.rng.randrange(1, 4))})
            self.files["added_tokens.json"] = {name: first + i for i, name in enumerate(names)}
        if self.maybe(0.7):
            # Half of the folders are of types that leave the stated class as it is.
            types = MODEL_TYPES if self.maybe(0.5) else ["llama", "falcon", "unheard_of"]
            self.files["config.json"] = {"model_type": self.rng.choice(types)}
            if self.maybe(0.1):
                self.files["config.json"]["tokenizer_class"] = self.rng.choice(CLASSES.get(self.style, BYTE_LEVEL) or OTHER_CLASSES)
        if as_vocabulary:
            self.write_vocabulary()
        else:
            self.files["tokenizer.json"] = self.json

    def write(self, folder):
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in self.files.items():
            (folder / name).write_text(content if isinstance(content, str) else json.dumps(content, ensure_ascii=False))

    def texts(self, count):
        specials = sorted(set(self.named) | {token["content"] for token in self.json["added_tokens"]})
        fixed = [text for text in fixed_texts(self.rng.sample(specials, min(4, len(specials)))) if isinstance(text, str)]
        texts = self.rng.sample(fixed, count // 3)
        texts += [text for text in random_texts(self.rng, count // 3) if isinstance(text, str)]
        for content in self.rng.sample(specials, min(count // 3, len(specials))):
            before, after = self.rng.choice(["", "x", " ", "é ", "  ", "\n"]), self.rng.choice(["", "y", "  z", "\n", " ", "中"])
            texts.append(before + content + after + self.rng.choice([content, content.upper(), " " + content, ""]))
        return [text for text in texts if text and not any(0xD800 <= ord(char) < 0xE000 for char in text)]


def reference(folder, texts):
    try:
        tokenizer = AutoTokenizer.from_pretrained(str(folder))
        return [tokenizer(text)["input_ids"] for text in texts], type(tokenizer).__name__
    except BaseException as error:  # the library's own errors include panics of its compiled part
        if isinstance(error, KeyboardInterrupt):
            raise
        return None, f"{type(error).__name__}: {str(error)[:80]}"


def found(lensbench, folder, texts):
    prompts = folder / "prompts.jsonl"
    prompts.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    done = subprocess.run([lensbench, "tokenize", "--model", folder, "--prompts", prompts, "--json"], capture_output=True, text=True)
    if done.returncode:
        return None, done.stderr.strip()
    return [json.loads(line)["ids"] for line in done.stdout.rstrip("\n").split("\n")], ""


def reason_of(message):
    """A refusal without the contents that differ from draw to draw."""
    message = re.sub(r"\S*/(?=[a-z_]+\.(json|txt|jsonl))", "", message.removeprefix("lensbench: "))
    return re.sub(r"\"[^\"]*\"|'[^']*'|\d+", "…", message)[:110]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--texts", type=int, default=36, help="texts for each folder")
    parser.add_argument("--show", type=int, default=5, help="differing folders that are described")
    parser.add_argument("--keep", type=pathlib.Path, help="folder for the differing folders")
    parser.add_argument("--lensbench", default=str(ROOT / "build/release/bin/lensbench"))
    args = parser.parse_args()
    styles = {name: make().to_str() for name, make in STYLES.items()}
    counts, reasons, classes = collections.Counter(), collections.Counter(), collections.Counter()
    for seed in range(args.seed, args.seed + args.draws):
        draw = Draw(seed, styles)
        with tempfile.TemporaryDirectory() as scratch:
            folder = pathlib.Path(scratch) / "model"
            draw.write(folder)
            texts = draw.texts(args.texts)
            want, kind = reference(folder, texts)
            ids, message = found(args.lensbench, folder, texts)
            if ids is None:
                outcome = "refused" if want else "refused by both"
                reasons[outcome + ": " + reason_of(message)] += 1
                if not re.search(r"\.(json|txt)", message):
                    outcome = "differ"
            elif want is None:
                outcome = "refused by transformers alone"
                reasons[outcome + ": " + re.sub(r"<[^>]*>|'[^']*'|\d+", "…", kind)] += 1
            else:
                outcome = "equal" if ids == want else "differ"
                classes[kind] += outcome == "equal"
            counts[outcome] += 1
            if outcome == "differ":
                if args.keep:
                    shutil.copytree(folder, args.keep / str(seed), dirs_exist_ok=True)
                if counts["differ"] <= args.show:
                    wrong = next(((t, i, w) for t, i, w in zip(texts, ids or [], want or []) if i != w), message)
                    print(f"seed {seed}, {draw.style}, {kind}: {wrong}", flush=True)
    for reason, count in reasons.most_common():
        print(f"{count:6} {reason}")
    print("equal by class: " + ", ".join(f"{name} {count}" for name, count in classes.most_common()))
    print(f"{args.draws} draws: " + ", ".join(f"{count} {outcome}" for outcome, count in counts.most_common()))
    return counts["differ"] > 0


if __name__ == "__main__":
    sys.exit(main())

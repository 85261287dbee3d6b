#!/usr/bin/env python3
"""usage: every_family.py [--program LENSBENCH] [--samples one|all|none] [--model DIR]... [--words WORDS] [--jobs N]

Walks small models of every family through the command, as a user would: each tool and experiment is
run on ids and replayed, which verifies the archive first; a fifth of the archives, others for each model,
are also verified and shown by the commands of those names; one archive is drawn, plotted, compared and
exported. Every step must end with code 0 and receipts that hold, or the tool must refuse the model with
code 2 or 3 and one message. Prints a table of models and tools: + answered, a letter for each refusal, and
the refusals. Exit code 1 if anything failed.

The models are those of tests/data/models and tests/data/vision_models, one of each family unless
--samples all is given, with a tokenizer of made-up words. --model walks a folder of one's own, whose
tokenizer has to take each of --words as one token after a space. The last row is a model with a vision
tower and a picture.
"""
import argparse
import collections
import concurrent.futures
import json
import os
import pathlib
import random
import re
import shutil
import string
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
IDS, OTHER_IDS = "1 9 12 30 9 7", "1 9 13 30 9 7"
VOCABULARY = 50  # ids below this are in every sample


def word_tokenizer(size):
    """tokenizer.json that splits a text at white space; the word tK is token K."""
    return {"version": "1.0", "added_tokens": [], "pre_tokenizer": {"type": "WhitespaceSplit"},
            "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": False},
            "model": {"type": "WordPiece", "vocab": {f"t{id}": id for id in range(size)}, "unk_token": "[UNK]",
                      "continuing_subword_prefix": "##", "max_input_chars_per_word": 100}}


def vocabulary_of(config):
    return config.get("vocab_size") or config["text_config"]["vocab_size"]


def prepare(source, folder):
    """The sample with a tokenizer."""
    folder.mkdir(parents=True)
    for name in ["config.json", "model.safetensors"]:
        shutil.copy(source / name, folder / name)
    config = json.loads((source / "config.json").read_text())
    (folder / "tokenizer.json").write_text(json.dumps(word_tokenizer(vocabulary_of(config))))
    settings = {"tokenizer_class": "PreTrainedTokenizerFast"}
    if config["model_type"].startswith("qwen2"):
        # For these model types the class is theirs whatever a folder states, unless it names code of its own.
        settings["auto_map"] = {"AutoTokenizer": [None, "words.Words"]}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    return folder


def samples(every):
    """Folders of samples: all, or the first of each model type."""
    found = {}
    folders = [folder for kind in ["models", "vision_models"] for folder in sorted((ROOT / "tests/data" / kind).iterdir()) if folder.is_dir()]
    for folder in folders:
        model_type = json.loads((folder / "config.json").read_text())["model_type"]
        if every or model_type not in found:
            found[folder.name if every else model_type] = folder
    return list(found.values())


class Inputs:
    """Texts and files of words that tools and experiments read."""

    def __init__(self, folder, own_words):
        rng = random.Random(1)
        self.own_words = own_words
        words = lambda count: " ".join(f"t{rng.randrange(VOCABULARY)}" for _ in range(count))
        self.folder = folder
        self.text = self.write("text.txt", "".join(words(24) + "\n" for _ in range(24)))
        self.facts = self.write("facts.jsonl", self.lines({"text": f"t{a} t{b} t5", "subject": f"t{a} t{b}", "replacement": f"t{b} t{a}", "object": " t7"}
                                                          for a, b in [(1, 2), (3, 4), (8, 9)]))
        self.answers = self.write("answers.jsonl", self.lines({"text": words(6), "answer": " " + words(3), "label": i % 2} for i in range(12)))
        self.questions = self.write("questions.jsonl", self.lines({"text": words(4), "passages": [words(4), words(4)], "answer": " " + words(2), "source": 0} for _ in range(3)))
        # The last tokens differ too: random models hardly answer to earlier ones, and a bound relative to a gap near zero needs far more steps.
        self.pairs = self.write("pairs.jsonl", self.lines({"text": f"t{a} t9 t{b} t12 t{a} t9", "corrupted": f"t{b} t9 t{a} t12 t{a} t14"} for a, b in [(1, 2), (3, 4), (8, 11)]))
        self.labelled = self.write("labelled.jsonl", self.lines({"text": words(4), "label": i % 2} for i in range(12)))
        self.exchanges = self.write("exchanges.jsonl", self.lines({"base": f"t1 t{a} t9", "source": f"t2 t{b} t9", "expected": 5 + i % 2, "part": ["train", "test"][i // 4]}
                                                                  for i, (a, b) in enumerate([(3, 4), (7, 8), (10, 11), (12, 13), (14, 15), (16, 17), (18, 19), (20, 21)])))
        self.terms = self.write("terms.txt", "t3\nt7\nt11\n")
        self.names = self.write("names.txt", "".join(f"t{id}\n" for id in range(20, 32)))
        self.sentences = self.write("sentences.txt", "t3 {A} t4 {B} t5 {B} t6\n")

    def write(self, name, text):
        (self.folder / name).write_text(self.said(text))
        return str(self.folder / name)

    def said(self, text):
        """The text with words of one's own, if any were given, in place of the made-up ones."""
        return re.sub(r"\bt(\d+)\b", lambda word: self.own_words[int(word[1]) % len(self.own_words)], text) if self.own_words else text

    @staticmethod
    def lines(objects):
        return "".join(json.dumps(one) + "\n" for one in objects)


def tools(inputs):
    """Name of each call -> arguments."""
    pair = ["--ids", IDS, "--set", f"corrupted_ids={OTHER_IDS}"]
    ids = ["--ids", IDS]
    text = ["--set", f"text={inputs.text}"]
    return {
        "logit_lens": ids,
        "token_analyzer": [*ids, "--set", "max_new_tokens=3"],
        "activations": ids,
        "layer_attribution": ids,
        "attention": [*ids, "--set", "flow=rollout,max_flow"],
        "composition": [*ids, "--set", "baseline_draws=5"],
        "residual_geometry": [*ids, *text],
        "layer_surgery": [*ids, *text, "--set", "window=16"],
        "activation_patching": pair,
        "causal_tracing": [*ids, "--set", "subject_tokens=2", "--set", "samples=3"],
        "path_patching": pair,
        "edge_attribution": [*pair, "--set", "steps=64", "--set", "random_draws=2"],
        # The integral over a random model with ReLU needs many points (OPT: 0.043 with 256, allowed 0.02).
        "input_attribution": [*ids, "--set", "steps=1024"],
        "sparsity": [*ids, *text],
        "neuron_explorer": [*ids, *text],
        "steering": ["--prompt", "t1 t9 t12 t30 t9 t7", "--set", "plus=t4 t5", "--set", "minus=t6 t5", "--set", f"neutral={inputs.text}", "--set", "window=16"],
        "facts": ["--prompt", "t1 t2", "--set", "subject=t3 t4", "--set", "object=t17", "--set", "template=t5 {} t9", "--set", "candidates=t17,t20", "--set", "neutral=t8 t11", "--set", "samples=3"],
        # Four steps of the default size make the lens of a random model worse, as its receipt says.
        "tuned_lens": [*ids, *text, "--set", "mode=train", "--set", "steps=4", "--set", "learning_rate=0.1", "--set", "window=16"],
        "sparse_autoencoder": [*ids, *text, "--set", "mode=train", "--set", "hook=blocks.0.hook_resid_pre", "--set", "latents=64", "--set", "steps=4",
                               "--set", "tokens_per_step=32", "--set", "window=16", "--set", "splice=true", "--set", "attribute=true"],
        "jacobian_lens": [*ids, *text, "--set", "mode=fit", "--set", "n_prompts=4", "--set", "length=12", "--set", "skip_first=2"],
        "probe": ["--set", f"examples={inputs.labelled}", "--set", "folds=3"],
        "interchange": ["--set", f"pairs={inputs.exchanges}", "--set", "basis=mean_difference,das", "--set", "steps=2", "--set", "layers=0"],
        "vision_lens": [*ids, "--set", "concepts=t3,t7"],
    }


def experiments(inputs, model):
    ids = ["--ids", IDS, "--ids", OTHER_IDS]
    return {
        "first_look": [*ids, "--set", "max_new_tokens=3"],
        "prediction_trajectory": ids,
        "layer_responsibility": ids,
        "generation_audit": [*ids, "--set", "max_new_tokens=3"],
        "model_comparison": [*ids, "--set", f"other={model}"],
        "training_dynamics": [*ids, "--set", f"checkpoints={model}", "--set", "start=none", "--set", "length=5"],
        "indirect_object_identification": ["--prompt", "t1", "--set", f"templates={inputs.sentences}", "--set", f"names={inputs.names}", "--set", "prompts=100",
                                           "--set", "minimum_accuracy=0", "--set", "traced=4", "--set", "edge_method=eap", "--set", "proportions=0.1,1",
                                           "--set", "random_draws=1"],
        "concept_emergence": [*ids, "--set", "concepts=t3,t7", "--set", "samples=100"],
        "circuit_discovery": ["--prompts", inputs.pairs, "--set", "steps=64", "--set", "proportions=0.1,1", "--set", "random_draws=2"],
        "agreement": ["--prompts", inputs.pairs],
        "probing": ["--prompts", inputs.labelled, "--set", "folds=2", "--set", "target=t3", "--set", "versus=t7", "--set", "steered=4"],
        "induction_heads": ["--prompt", "t1", "--set", "sequences=4", "--set", "length=5", "--set", "start=none", "--set", "draws=2"],
        "factual_recall_tracing": ["--prompts", inputs.facts, "--set", "samples=3"],
        "answer_sources": ["--prompts", inputs.questions],
        "hallucination_signals": ["--prompts", inputs.answers, "--set", "folds=2"],
        "domain_shift": [*ids, "--set", f"tuned={model}", "--set", f"terms={inputs.terms}"],
    }


def of_picture(arguments, picture):
    """The arguments with a question about a picture in place of all ids and prompts."""
    rest, prompts = [], []
    for key, value in zip(arguments[::2], arguments[1::2]):
        (prompts if key in ("--ids", "--prompt") else rest).extend([key, value])
    return [*(["--prompt", "What is it?", "--image", picture] if prompts else []), *rest]


class Walk:
    def __init__(self, program, model, scratch, inputs, number, picture=None):
        self.program, self.model, self.scratch, self.inputs, self.picture = program, model, scratch, inputs, picture
        self.cells, self.failures, self.number = {}, [], number

    def command(self, *arguments):
        done = subprocess.run([self.program, *map(str, arguments)], capture_output=True, text=True, stdin=subprocess.DEVNULL,
                              env=os.environ | {"NO_COLOR": "1"}, timeout=600)
        return done.returncode, done.stdout, done.stderr.strip()

    def must(self, name, *arguments):
        code, out, err = self.command(*arguments)
        if code != 0:
            self.failures.append(f"{self.model.name}: {name}: {arguments[0]} ended with {code}: {err[-400:]}")
        return code == 0, out

    def call(self, verb, name, arguments):
        archive = self.scratch / f"{name}.h5"
        code, printed, err = self.command(verb, name, "--model", self.model, *arguments, "--threads", 1, "--out", archive)
        if code in (2, 3) and not archive.exists() and err.startswith("lensbench: "):
            self.cells[name] = err.removeprefix("lensbench: ").split("\n")[0]
            return None
        if code != 0:
            self.failures.append(f"{self.model.name}: {name} ended with {code}{', but wrote an archive' if archive.exists() else ''}: {err[-400:]}")
            return None
        self.cells[name] = "+"
        if " failed" in printed.rstrip().split("\n\n")[-1]:
            self.failures.append(f"{self.model.name}: {name}: {printed.strip().splitlines()[-1]}")
        if (len(self.cells) + self.number) % 5 == 0:
            self.must(name, "verify", archive)
            shown, text = self.must(name, "show", archive)
            if shown and text != printed:
                self.failures.append(f"{self.model.name}: {name}: show prints other text than the run did")
        replayed, text = self.must(name, "replay", archive, "--threads", 1, "--out", self.scratch / "replayed.h5")
        if replayed and "identical" not in text:
            self.failures.append(f"{self.model.name}: {name}: replay says {text.strip()[-200:]}")
        (self.scratch / "replayed.h5").unlink(missing_ok=True)
        return archive

    def everything(self):
        def asked(arguments):
            words = [self.inputs.said(str(one)) for one in arguments]
            return of_picture(words, self.picture) if self.picture else words

        for name, arguments in tools(self.inputs).items():
            archive = self.call("tool", name, asked(arguments))
            if archive and name == "logit_lens":
                self.draw(archive)
        for name, arguments in experiments(self.inputs, self.model).items():
            self.call("run", name, asked(arguments))
        return self

    def draw(self, archive):
        self.must("report", "report", archive, "-o", self.scratch / "page.html")
        self.must("plot", "plot", archive, "logit_lens/top_probability", "-o", self.scratch / "figure.svg")
        self.must("diff", "diff", archive, archive)
        self.must("export", "export", archive, "logit_lens", "--out", self.scratch / "values.json")
        self.must("model info", "model", "info", self.model)


def print_table(walks):
    names = list(dict.fromkeys(name for walk in walks for name in walk.cells))
    letters = {}
    for walk in walks:
        for reason in walk.cells.values():
            if reason != "+":
                letters.setdefault(reason.replace(str(walk.model), "MODEL"), len(letters))
    few = string.ascii_letters
    letter = lambda n: few[n] if n < len(few) else few[n // len(few) - 1] + few[n % len(few)]
    print(f"{'':26}" + " ".join(f"{i:2}" for i in range(1, len(names) + 1)))
    for walk in walks:
        row = [walk.cells.get(name, "!") for name in names]
        print(f"{walk.model.name:26}" + " ".join(f"{one if one in '+!' else letter(letters[one.replace(str(walk.model), 'MODEL')]):>2}" for one in row))
    print("\n" + "\n".join(f"{i:2} {name}" for i, name in enumerate(names, 1)))
    print("\n" + "\n".join(f"{letter(n)}: {reason}" for reason, n in letters.items()))
    counts = collections.Counter("answered" if one == "+" else "refused" for walk in walks for one in walk.cells.values())
    print(f"\n{len(walks)} model{'s' * (len(walks) != 1)}: {counts['answered']} answered and replayed, {counts['refused']} refused")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=str(ROOT / "build/release/bin/lensbench"))
    parser.add_argument("--samples", default="one", choices=["one", "all", "none"], help="samples of each family")
    parser.add_argument("--model", type=pathlib.Path, action="append", default=[], help="a model folder with a tokenizer of words that it takes")
    parser.add_argument("--words", default="", help="words for --model, in place of made-up ones: t3 is the fourth")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        inputs = Inputs(scratch, args.words.split())
        (scratch / "letters").mkdir()
        letters = Inputs(scratch / "letters", list(string.ascii_letters))
        sources = [] if args.samples == "none" else samples(args.samples == "all")
        models = [prepare(source, scratch / "models" / source.name) for source in sources] + [model.resolve() for model in args.model]

        def walk(number, model, picture=None):
            folder = scratch / "out" / model.name
            folder.mkdir(parents=True)
            done = Walk(args.program, model, folder, letters if picture else inputs, number, picture).everything()
            print("\n".join([f"{model.name}: {len(done.failures)} failures", *done.failures]), file=sys.stderr, flush=True)
            shutil.rmtree(folder)
            return done

        with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
            walks = list(pool.map(walk, range(len(models)), models))
            if sources:
                pictures = shutil.copytree(ROOT / "tests/data/picture_prompts", scratch / "pictures")
                walks.append(walk(len(models), (pictures / "model").rename(pictures / "qwen2_5_vl-picture"), pictures / "pictures" / "odd.png"))
    print_table(walks)
    failures = [failure for walk in walks for failure in walk.failures]
    print("".join(f"\nFAILED: {failure}" for failure in failures) or "nothing failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""A dictionary that lensbench trains, opened by SAELens; and the tokens that both train on in a second, in one run.

    python tests/parity/sparse_autoencoder_training.py --program build/release/bin/lensbench [--steps 50] [--threads 2]

Needs sae-lens 6, h5py. Trains on random windows of the embedded model's own samples at blocks.3.hook_resid_post, saves the
result by the code of docs/tools/sparse_autoencoder.md, and compares features and reconstruction errors of a prompt with
those of SAELens to 1e-4 of the largest (activations of float32 forwards of two libraries). The runner of SAELens trains a
dictionary of the same size on the same text, batch and steps, with the layers up to the point as its model.
"""

import argparse
import json
import os
import pathlib
import re
import resource
import subprocess
import tempfile
import time

import h5py
import torch
from datasets import Dataset
from sae_lens import SAE, LanguageModelSAERunnerConfig, LanguageModelSAETrainingRunner, LoggingConfig
from sae_lens.saes.topk_sae import TopKTrainingSAEConfig
from transformers import AutoModelForCausalLM

ROOT = pathlib.Path(__file__).parents[2]
MODEL, LAYER, WIDTH = ROOT / "models/kjv-gpt2", 3, 128
HOOK = f"blocks.{LAYER}.hook_resid_post"
LATENTS, K, TOKENS, WINDOW = 1024, 16, 4096, 128
PROMPT = [3, 17, 5, 9, 11, 17, 5, 9, 400, 30]


def export(folder):
    """Runs the code of the documentation in `folder`, which has sae.h5."""
    page = (ROOT / "docs/tools/sparse_autoencoder.md").read_text()
    code = re.search(r"```python\n(import json.*?)```", page, re.S)[1]
    here = os.getcwd()
    os.chdir(folder)
    exec(code, {})
    os.chdir(here)


def spent():
    """Elapsed time, and processor time of this process and of those that it ran."""
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.monotonic(), own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def since(begin):
    return [now - then for now, then in zip(spent(), begin)]


def train(arguments, folder, text):
    begin = spent()
    subprocess.run([arguments.program, "tool", "sparse_autoencoder", "--model", MODEL, "--ids", " ".join(map(str, PROMPT)), "--quiet",
                    "--threads", str(arguments.threads), "--out", folder / "sae.h5", "--set", "mode=train", "--set", f"hook={HOOK}",
                    "--set", f"text={text}", "--set", f"latents={LATENTS}", "--set", f"k={K}", "--set", f"steps={arguments.steps}",
                    "--set", f"tokens_per_step={TOKENS}", "--set", f"window={WINDOW}"], check=True)
    return since(begin)


def train_peer(arguments, documents, folder):
    cfg = LanguageModelSAERunnerConfig(
        sae=TopKTrainingSAEConfig(d_in=WIDTH, d_sae=LATENTS, k=K, normalize_activations="none"),
        model_name=str(MODEL), model_class_name="AutoModelForCausalLM", hook_name=f"transformer.h.{LAYER}", dataset_path="none", is_dataset_tokenized=True,
        streaming=False, context_size=WINDOW, prepend_bos=False, training_tokens=arguments.steps * TOKENS, train_batch_size_tokens=TOKENS,
        lr=4e-4, device="cpu", n_batches_in_buffer=8, store_batch_size_prompts=TOKENS // WINDOW, n_checkpoints=0,
        checkpoint_path=str(folder / "checkpoints"), logger=LoggingConfig(log_to_wandb=False), verbose=False)
    runner = LanguageModelSAETrainingRunner(cfg, override_dataset=Dataset.from_list([{"input_ids": ids} for ids in documents]))
    # Blocks after the point do not run in lensbench either.
    runner.model.model.transformer.h = runner.model.model.transformer.h[: LAYER + 1]
    begin = spent()
    runner.run()
    return since(begin)


def check(folder):
    sae = SAE.load_from_disk(str(folder / "sae"))
    model = AutoModelForCausalLM.from_pretrained(MODEL)
    with torch.no_grad():
        x = model(torch.tensor([PROMPT]), output_hidden_states=True).hidden_states[LAYER + 1][0]
        features = sae.encode(x)
        features = features.to_dense() if features.is_sparse else features
        error = (x - sae(x)).square().sum(1)
    with h5py.File(folder / "sae.h5") as archive:
        found = archive["results/sparse_autoencoder"]
        ids = torch.tensor(found["feature_id"][()].squeeze()).long()
        values = torch.tensor(found["feature_activation"][()].squeeze())
        errors = torch.tensor(found["squared_error"][()].squeeze())
        l0 = torch.tensor(found["l0"][()].squeeze())
    difference = (features.gather(1, ids.clamp_min(0)) * (ids >= 0) - values).abs().max() / values.max()
    of_errors = ((error - errors).abs() / error).max()
    same = bool(((features > 0).sum(1) == l0).all())
    print(f"features {difference:.1e} of the largest, squared errors {of_errors:.1e} of each, the same number of active features: {same}")
    return difference < 1e-4 and of_errors < 1e-4 and same


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", default=ROOT / "build/release/bin/lensbench")
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        draw = torch.Generator().manual_seed(1)
        documents = torch.randint(2048, (1600, WINDOW), generator=draw).tolist()
        text = folder / "text.jsonl"
        text.write_text("".join(json.dumps({"ids": ids}) + "\n" for ids in documents))
        own = train(arguments, folder, text)
        export(folder)
        right = check(folder)
        tokens = arguments.steps * TOKENS
        peer = train_peer(arguments, documents, folder)
        for clock, ours, theirs in zip(["second", "second of processor time"], own, peer):
            print(f"tokens per {clock}: lensbench {tokens / ours:.0f} (with start, evaluation and archive), SAELens {tokens / theirs:.0f}: {theirs / ours:.2f} times")
    return 0 if right else 1


if __name__ == "__main__":
    raise SystemExit(main())

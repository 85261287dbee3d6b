"""Compares `lensbench model init` with transformers, for every family and every fixed case of it.

    python tests/parity/init_parity.py --lensbench build/release/bin [--families gpt2 bert ...]

Passes when, from the same config.json,
- the tensors in model.safetensors have the names, shapes and types that `save_pretrained` writes,
- config.json, given without `architectures`, names the class that transformers names,
- transformers loads it without a missing or unexpected key,
- each tensor is filled as transformers fills a new model: zeros and ones where it has zeros and ones, the same
  rows zero, and normal numbers of the same standard deviation (within 6 standard errors of its estimate),
- the logits of both agree within 5e-5.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from families import FAMILIES
from reference_models import auto_class
from safetensors import safe_open
from safetensors.torch import load_file
from transformers import AutoConfig

LIMIT = 5e-5


def configuration(family, case):
    settings = dict(model_type=family.model_types[0]) | family.base | case.config
    return AutoConfig.for_model(settings.pop("model_type"), **settings)


def read(path):
    with safe_open(path, "pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}, file.metadata()


def groups(tensors):
    """Tensors of one kind, over all layers and experts."""
    found = {}
    for name, tensor in tensors.items():
        found.setdefault(re.sub(r"\.\d+\.", ".*.", name), []).append(tensor.double())
    return found


def zero_rows(tensor):
    return (tensor.reshape(tensor.shape[0], -1) == 0).all(1).nonzero().flatten().tolist()


def filled_alike(ours, theirs):
    """What is wrong with the values, as words."""
    faults = []
    for name, expected in groups(theirs).items():
        found = groups(ours)[name]
        if all(t.unique().numel() == 1 for t in expected):  # zeros or ones
            if any(not torch.equal(a, b) for a, b in zip(found, expected)):
                faults.append(f"{name} is not constant {expected[0].flatten()[0].item()}")
            continue
        if [zero_rows(t) for t in found] != [zero_rows(t) for t in expected]:
            faults.append(f"{name} has other zero rows")
        a, b = (torch.cat([t[t != 0].flatten() for t in tensors]) for tensors in (found, expected))
        error = (a.numel() / 2) ** -0.5 * b.std()  # of the difference of both estimates
        if abs(a.std() - b.std()) > 6 * error or abs(a.mean() - b.mean()) > 6 * error:
            faults.append(f"{name}: mean {a.mean():.2g} std {a.std():.4g}, expected {b.mean():.2g} and {b.std():.4g}")
    return faults


def check(name, family, case, folder, programs):
    """The faults of one case; the largest difference of logits."""
    torch.manual_seed(1)
    reference = auto_class(family).from_config(configuration(family, case))
    reference.save_pretrained(folder / "reference")
    made = folder / "made"
    saved = json.loads((folder / "reference/config.json").read_text())
    config = folder / "config.json"
    config.write_text(json.dumps({k: v for k, v in saved.items() if k != "architectures"}))
    subprocess.run([programs / "lensbench", "model", "init", "--config", config, "--seed", "7", made],
                   check=True, capture_output=True)
    theirs, _ = read(folder / "reference/model.safetensors")
    ours, metadata = read(made / "model.safetensors")
    faults = [] if metadata == {"format": "pt"} else [f"metadata {metadata}"]
    if json.loads((made / "config.json").read_text())["architectures"] != saved["architectures"]:
        faults.append("architectures differ")
    layout = [{k: (tuple(t.shape), t.dtype) for k, t in tensors.items()} for tensors in (ours, theirs)]
    if layout[0] != layout[1]:
        return [f"tensors differ: {sorted(set(layout[0].items()) ^ set(layout[1].items()))[:4]}"], 0.0
    faults += filled_alike(ours, theirs)
    model, info = auto_class(family).from_pretrained(
        made, attn_implementation="eager", dtype=torch.float32, output_loading_info=True)
    faults += [f"{kind}: {sorted(keys)[:4]}" for kind, keys in info.items() if keys]
    family.repair(model)
    ids = torch.randint(0, reference.config.get_text_config().vocab_size, (1, case.length))
    out = folder / "out.safetensors"
    jobs = [dict(model=str(made), dtype="float32", ids=ids.tolist(), mask=None, hooks=["unembed.hook_out"], out=str(out))]
    (folder / "jobs.json").write_text(json.dumps(jobs))
    subprocess.run([programs / "model_activations", folder / "jobs.json"], check=True)
    with torch.no_grad():
        logits = model.eval()(ids).logits
    difference = (load_file(out)["unembed.hook_out"] - logits).abs().max().item()
    if difference > LIMIT * max(1.0, logits.abs().max().item()):
        faults.append(f"logits differ by {difference:.2g}")
    return faults, difference


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lensbench", required=True, type=Path, help="folder of lensbench and model_activations")
    parser.add_argument("--families", nargs="*", help="model types; all by default")
    arguments = parser.parse_args()
    passed, failed = 0, 0
    for family in FAMILIES.values():
        if arguments.families and not set(family.model_types) & set(arguments.families):
            continue
        for name, case in family.cases.items():
            with tempfile.TemporaryDirectory() as folder:
                try:
                    faults, difference = check(name, family, case, Path(folder), arguments.lensbench)
                except subprocess.CalledProcessError as error:
                    faults, difference = [(error.stderr or b"").decode().strip() or str(error)], 0.0
            failed += bool(faults)
            passed += not faults
            print(f"{name:32}{difference:10.1e}  {'; '.join(faults) or 'ok'}", flush=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

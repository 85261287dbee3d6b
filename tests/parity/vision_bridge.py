#!/usr/bin/env python3
"""Compares the hook points of a vision tower with those of TransformerBridge: names, and values in float32.

Needs transformer-lens 4.3.0, transformers 5.24.0, torch and Pillow. Reads tests/data/picture_prompts, a small
Qwen2.5-VL; the bridge has no adapter for Qwen2-VL.

    python tests/parity/vision_bridge.py --lensbench build/release/bin/lensbench

Every name of the bridge below `vision_encoder` and `vision_projector` must be a name of lensbench, or be listed in
MISSING with the reason; every value must agree to 5e-5 of the largest one. The bridge computes patches window by
window, and the archive has them row by row, so that the order is undone by the windows of arXiv:2502.13923.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy
import torch
import transformer_lens.model_bridge.sources.transformers.helpers as loading
from transformer_lens.model_bridge import TransformerBridge
from transformer_lens.model_bridge.supported_architectures.qwen2_5_vl import Qwen2_5_VLArchitectureAdapter
from transformers import AutoTokenizer, Qwen2_5_VLForConditionalGeneration
from transformers.image_utils import load_image
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

DATA = pathlib.Path(__file__).resolve().parent.parent / "data" / "picture_prompts"
PICTURES = [DATA / "pictures" / name for name in ("odd.png", "turned.jpg")]
PROMPT = "Is {image} like {image}?"
TOLERANCE = 5e-5
# Points of the bridge that lensbench does not have, by the ends of their names.
MISSING = {
    "attn.qkv.hook_out": "queries, keys and values are separate points",
    "pos_embed.hook_in": "rotary positions are not an activation",
    "pos_embed.hook_out": "rotary positions are not an activation",
    "vision_encoder.hook_in": "the rows as they are given",
    "vision_encoder.patch_embed.hook_in": "the rows as they are given",
    "vision_encoder.hook_out": "the stream after the last block when the merger has read it: changes do nothing",
    "vision_encoder.hook_vision_out": "as vision_encoder.hook_out",
}


def model_inputs(tokenizer):
    """The prompt as transformers makes it, with the rows of its pictures."""
    processor = Qwen2VLImageProcessorPil.from_pretrained(DATA / "model")
    rows = processor(images=[load_image(str(path)) for path in PICTURES], return_tensors="pt")
    parts = PROMPT.split("{image}")
    message = [{"type": "text", "text": parts[0]}]
    for part in parts[1:]:
        message += [{"type": "image"}, {"type": "text", "text": part}]
    text = tokenizer.apply_chat_template([{"role": "user", "content": message}], tokenize=False,
                                         add_generation_prompt=True)
    for grid in rows["image_grid_thw"]:
        text = text.replace("<|image_pad|>", "<|hold|>" * (int(grid.prod()) // 4), 1)
    ids = tokenizer(text.replace("<|hold|>", "<|image_pad|>"), return_tensors="pt")["input_ids"]
    return ids, rows


def bridge_values():
    """Values of the bridge by name, its names below the tower, the grids and the settings of the tower."""
    # It would run `pip install torchvision`, which replaces torch, for a processor that is not used here.
    loading._ensure_torchvision = lambda: False
    Qwen2_5_VLArchitectureAdapter.required_libraries = []
    tokenizer = AutoTokenizer.from_pretrained(DATA / "model")
    model = Qwen2_5_VLForConditionalGeneration.from_pretrained(DATA / "model", dtype=torch.float32,
                                                               attn_implementation="eager").eval()
    bridge = TransformerBridge.boot_transformers(str(DATA / "model"), hf_model=model, tokenizer=tokenizer,
                                                 dtype=torch.float32, device="cpu")
    ids, rows = model_inputs(tokenizer)
    with torch.no_grad():
        # Without the types of tokens, transformers 5.24 gives pictures the positions of text.
        _, cache = bridge.run_with_cache(ids, prepend_bos=False, pixel_values=rows["pixel_values"],
                                         image_grid_thw=rows["image_grid_thw"],
                                         mm_token_type_ids=(ids == model.config.image_token_id).int())
    values = {name: cache[name].float().numpy() for name in cache if name.startswith("vision_")}
    return values, [tuple(int(n) for n in grid) for grid in rows["image_grid_thw"]], model.config.vision_config


def given_order(grids):
    """Picture, row and column of each patch as it is given: squares of 2 x 2 patches row by row."""
    return [(number, y + dy, x + dx) for number, (_, height, width) in enumerate(grids)
            for y in range(0, height, 2) for x in range(0, width, 2) for dy in range(2) for dx in range(2)]


def window_order(grids, side):
    """Number of each token as it is given, window by window; `side` tokens are a side of a window."""
    tokens, first = [], 0
    for _, height, width in grids:
        rows, columns = height // 2, width // 2
        for top in range(0, rows, side):
            for left in range(0, columns, side):
                tokens += [first + y * columns + x for y in range(top, min(top + side, rows))
                           for x in range(left, min(left + side, columns))]
        first += rows * columns
    return tokens


def orders(grids, tower):
    """Places of the rows of the bridge in the order of archives: of patches given and computed, and of tokens."""
    given = given_order(grids)
    place = {patch: number for number, patch in enumerate(sorted(given))}
    windows = window_order(grids, tower.window_size // tower.spatial_merge_size // tower.patch_size)
    computed = [given[4 * token + k] for token in windows for k in range(4)]
    return {"given": [place[patch] for patch in given], "computed": [place[patch] for patch in computed],
            "tokens": windows}


def names_of(lensbench):
    """Every name of every hook point of lensbench -> its own name."""
    out = subprocess.run([lensbench, "list", "hooks", "--model", DATA / "model", "--json"], capture_output=True,
                         text=True, check=True).stdout
    names = {}
    for point in json.loads(out):
        for name in [point["name"], *point["aliases"]]:
            names[name] = point["name"]
    return names


def our_values(lensbench, points):
    with tempfile.TemporaryDirectory() as folder:
        archive, table = f"{folder}/a.h5", f"{folder}/a.npz"
        subprocess.run([lensbench, "tool", "activations", "--model", DATA / "model", "--prompt", PROMPT, "--quiet",
                        *(word for path in PICTURES for word in ("--image", path)), "--set",
                        "hooks=" + ",".join(sorted(points)), "--out", archive], check=True)
        subprocess.run([lensbench, "export", archive, "activations", "--format", "npz", "--out", table], check=True)
        with numpy.load(table) as values:
            return {name: values[name] for name in points}


def difference(ours, theirs, order):
    """Largest difference relative to the largest value, with rows in the order of the archive."""
    theirs = theirs.reshape(len(order), -1)
    sorted_rows = numpy.empty_like(theirs)
    sorted_rows[order] = theirs
    return numpy.abs(ours.reshape(sorted_rows.shape) - sorted_rows).max() / max(1.0, numpy.abs(theirs).max())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lensbench", type=pathlib.Path, required=True)
    lensbench = parser.parse_args().lensbench
    theirs, grids, tower = bridge_values()
    names, order, faults = names_of(lensbench), orders(grids, tower), []
    known = {name for name in theirs if name in names}
    for name in sorted(set(theirs) - known):
        reason = next((why for end, why in MISSING.items() if name.endswith(end)), None)
        print(f"{name} {list(theirs[name].shape)}: {'left out: ' + reason if reason else 'MISSING'}")
        faults += [] if reason else [name]
    ours = our_values(lensbench, {names[name] for name in known})
    for name in sorted(known):
        kind = "tokens" if names[name] == "vision_projector.hook_out" else (
            "given" if names[name] == "vision_encoder.hook_patch_embed" else "computed")
        worst = difference(ours[names[name]], theirs[name], order[kind])
        print(f"{name} = {names[name]}: {worst:.1e}")
        faults += [name] if not worst <= TOLERANCE else []
    print(f"{len(known)} names compared, {len(faults)} faults")
    sys.exit(1 if faults or not known else 0)


if __name__ == "__main__":
    main()

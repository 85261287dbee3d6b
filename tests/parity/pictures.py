"""Compares pictures drawn at random with transformers and Pillow: bytes, sizes and rows.

    cmake --build --preset release --target picture_hashes
    python tests/parity/pictures.py [--draws 500] [--seed 1] [--program build/release/bin/picture_hashes]

Needs numpy, Pillow 13 and transformers. Prints each difference; ends with 1 if there is one.
"""

import argparse
import hashlib
import json
import pathlib
import random
import subprocess
import sys
import tempfile
import warnings

import numpy
from PIL import Image, ImageFilter, ImageOps
from transformers.image_transforms import convert_to_rgb
from transformers.image_utils import load_image
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

MODES = {"JPEG": ["RGB", "L", "CMYK"], "PNG": ["RGB", "RGBA", "L", "LA", "P", "1"], "WEBP": ["RGB", "RGBA"]}


def draw_picture(rng, mode, width, height):
    channels = {"L": 1, "P": 1, "1": 1, "LA": 2, "RGB": 3, "RGBA": 4, "CMYK": 4}[mode]
    noise = numpy.frombuffer(rng.randbytes(width * height * channels), numpy.uint8)
    noise = noise.reshape(height, width, channels).squeeze(2) if channels == 1 else noise.reshape(height, width, channels)
    image = Image.fromarray(noise, {"P": "L", "1": "L"}.get(mode, mode))
    if rng.random() < 0.7:
        image = image.filter(ImageFilter.BoxBlur(rng.choice([1, 2, 5])))
    if mode == "P":
        return Image.fromarray(noise).convert("RGB").quantize(rng.choice([2, 7, 16, 200]))
    return image.convert(mode)


def draw_options(rng, kind, mode, image):
    options = {}
    if rng.random() < 0.5:
        exif = Image.Exif()
        exif[0x0112] = rng.randint(0, 9)
        options["exif"] = exif
    if kind == "JPEG":
        options.update(quality=rng.randint(5, 100), progressive=rng.random() < 0.3)
        if mode == "RGB":
            options["subsampling"] = rng.choice(["4:4:4", "4:2:2", "4:2:0"])
    if kind == "WEBP":
        options.update(quality=rng.randint(5, 100), lossless=rng.random() < 0.4)
    if kind == "PNG" and mode in ("P", "L", "RGB") and rng.random() < 0.3:
        first = image.getpixel((0, 0))
        options["transparency"] = bytes(rng.randbytes(2)) if mode == "P" and rng.random() < 0.5 else first
    return options


def draw(rng, folder, number):
    kind = rng.choice(list(MODES))
    mode = rng.choice(MODES[kind])
    width = rng.choice([rng.randint(1, 40), rng.randint(20, 400)])
    height = rng.choice([rng.randint(1, 40), rng.randint(20, 400)])
    image = draw_picture(rng, mode, width, height)
    path = folder / f"{number}.{kind.lower()}"
    image.save(path, kind, **draw_options(rng, kind, mode, image))
    low = rng.choice([56 * 56, 28 * 28, 200000])
    return {"file": str(path), "alpha": rng.choice(["drop", "white"]), "min_pixels": low,
            "max_pixels": max(low, rng.choice([28 * 28 * 40, 1003520]))}


def sha256(array):
    return hashlib.sha256(numpy.ascontiguousarray(array).tobytes()).hexdigest()


def reference(request):
    path = request["file"]
    image = Image.open(path)
    found = image.getexif().get(0x0112, 1)
    if request["alpha"] == "drop":
        rgb = convert_to_rgb(load_image(path), return_numpy=True)
    else:
        rgb = convert_to_rgb(ImageOps.exif_transpose(image), return_numpy=True)
    size = {"shortest_edge": request["min_pixels"], "longest_edge": request["max_pixels"]}
    try:
        out = Qwen2VLImageProcessorPil(size=size)(images=[Image.fromarray(rgb)], return_tensors="np")
    except ValueError:
        return {"error": True}
    grid = out["image_grid_thw"][0].tolist()
    resized = Image.fromarray(rgb).resize((grid[2] * 14, grid[1] * 14), Image.Resampling.BICUBIC)
    return {"orientation": found if 1 <= found <= 8 else 1, "rgb": sha256(rgb), "grid": grid,
            "resized": sha256(numpy.array(resized)), "pixel_values": sha256(out["pixel_values"].astype("<f4"))}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--program", default="build/release/bin/picture_hashes")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    rng, differences, refused = random.Random(arguments.seed), 0, 0
    with tempfile.TemporaryDirectory() as folder:
        requests = [draw(rng, pathlib.Path(folder), i) for i in range(arguments.draws)]
        lines = "".join(json.dumps(r) + "\n" for r in requests)
        output = subprocess.run([arguments.program], input=lines, stdout=subprocess.PIPE, text=True, check=True).stdout
        for request, line in zip(requests, output.splitlines(), strict=True):
            ours, theirs = json.loads(line), reference(request)
            refused += "error" in theirs
            if "error" in ours and "error" in theirs or ours == theirs:
                continue
            differences += 1
            print(request, Image.open(request["file"]), ours, theirs, sep="\n  ")
    print(f"{arguments.draws} pictures, {refused} refused by both, {differences} differ")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/python3
"""From a JPEG file of four megapixels to the rows of a vision tower, against Pillow's decoding and resizing.

usage: against_pillow.py BENCHMARKS [PICTURE]

Both run by turns on one thread, on the same file and to the same size, and the best of each counts. Pillow stops at
the resized bytes; the benchmark `picture_to_rows` makes the rows of them in addition. Needs Debian's python3-pil.
"""
import io
import json
import math
import os
import subprocess
import sys
import tempfile
import time

from PIL import Image, __version__, features

MOST_PIXELS, MULTIPLE, ROUNDS = 1003520, 28, 5


def large_picture(path):
    """Smooth areas and edges, as a photograph has."""
    width, height = 2300, 1739
    rows = bytearray()
    for y in range(height):
        for x in range(width):
            rows += bytes(((x * x // 6110 + y // 7) % 256, ((x // 16 ^ y // 16) * 3 + x * y // 9770) % 256,
                           (y * y // 7330 + x // 5) % 256))
    Image.frombytes("RGB", (width, height), bytes(rows)).save(path, quality=90)


def target(width, height):
    """Sides after resizing, multiples of 28 within the limit of pixels (`smart_resize` of transformers)."""
    rounded = [max(MULTIPLE, round(side / MULTIPLE) * MULTIPLE) for side in (width, height)]
    if rounded[0] * rounded[1] <= MOST_PIXELS:
        return rounded
    shrink = math.sqrt(width * height / MOST_PIXELS)
    return [max(MULTIPLE, math.floor(side / shrink / MULTIPLE) * MULTIPLE) for side in (width, height)]


def pillow_ms(data):
    begin = time.process_time()
    picture = Image.open(io.BytesIO(data)).convert("RGB")
    picture.resize(target(*picture.size), Image.Resampling.BICUBIC).tobytes()
    return 1000 * (time.process_time() - begin)


def rows_ms(benchmarks, path):
    out = subprocess.run([benchmarks, f"--benchmark_filter=^picture_to_rows/{MOST_PIXELS}$", "--benchmark_format=json"],
                         env=os.environ | {"LENSBENCH_BENCHMARK_PICTURE": path, "LENSBENCH_BENCHMARK_THREADS": "1"},
                         capture_output=True, text=True, check=True).stdout
    return json.loads(out)["benchmarks"][0]["cpu_time"]


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        path = sys.argv[2] if len(sys.argv) == 3 else os.path.join(folder, "large.jpg")
        if len(sys.argv) == 2:
            large_picture(path)
        with open(path, "rb") as file:
            data = file.read()
        ours, pillow = [], []
        for _ in range(ROUNDS):
            ours.append(rows_ms(sys.argv[1], path))
            pillow += [pillow_ms(data) for _ in range(3)]
    print(f"JPEG to rows: {min(ours):.1f} ms; Pillow {__version__} (libjpeg {features.version('jpg')}), decoding and "
          f"resizing: {min(pillow):.1f} ms; {min(ours) / min(pillow):.2f} x (limit 1.5)")


if __name__ == "__main__":
    main()

"""Makes the pictures of this folder, and expected.json: what transformers makes of each.
usage: python tests/data/vision/make.py [--folder FOLDER]
Made with transformers 5.24.0, Pillow 13.0.0 and numpy 2.4.6 (expected.json states the versions).
Two ways to read a picture: `drop` as when a file is named to the processor, `white` as when an opened
picture that was turned upright is handed to it. Each has the size and the SHA-256 of the RGB bytes,
row by row, and for two pairs of limits the resized size, and the SHA-256 of the resized bytes and of
`pixel_values` (float32)."""
import argparse
import hashlib
import io
import json
import pathlib
import struct
import warnings
import zlib

import numpy
import PIL
import transformers
from PIL import Image, ImageOps
from transformers.image_transforms import convert_to_rgb
from transformers.image_utils import load_image
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

LIMITS = {"small": (3136, 15680), "default": (3136, 1003520)}
ORIENTATION = 0x0112


def values(width, height, channels, seed=0):
    """Smooth areas and noise of a generator of our own, so that no other version changes it."""
    state, out = seed * 7919 + 1, numpy.empty((height, width, channels), numpy.uint8)
    for y in range(height):
        for x in range(width):
            for c in range(channels):
                state = (state * 1103515245 + 12345) % 2**31
                noise = state >> 16 if (x // 9 + y // 7) % 3 == 0 else 0
                out[y, x, c] = (5 * x * (c + 1) + 3 * y * (4 - c) + noise % 90) % 256
    return out


def picture(width, height, mode="RGB", seed=0):
    channels = len(Image.new(mode, (1, 1)).getbands())
    array = values(width, height, channels, seed)
    return Image.fromarray(array[:, :, 0] if channels == 1 else array, mode)


def exif(orientation):
    tags = Image.Exif()
    tags[ORIENTATION] = orientation
    return tags


def xmp(orientation):
    return (f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="{orientation}"/>'
            "</x:xmpmeta>").encode()


# Bytes of PNG files that Pillow cannot write.
def chunk(name, content):
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png(width, height, depth, kind, rows, *chunks, interlaced=0, late=()):
    """rows: bytes of the rows, or of the passes of an interlaced picture, with their filter bytes"""
    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, interlaced)
    return b"".join([b"\x89PNG\r\n\x1a\n", chunk(b"IHDR", header), *chunks,
                     chunk(b"IDAT", zlib.compress(rows, 9)), *late, chunk(b"IEND", b"")])


def plain_rows(array):
    """array: uint8 [height, bytes of a row]"""
    return b"".join(b"\0" + row.tobytes() for row in array)


def interlaced_rows(array):
    passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
    parts = [array[y::down, x::right] for y, x, down, right in passes]
    return b"".join(plain_rows(p.reshape(len(p), -1)) for p in parts if p.size)


def hand_made():
    palette = bytes([10, 20, 30, 40, 50, 60, 10, 20, 30, 200, 100, 50])
    indices = (values(23, 17, 1) % 4).squeeze()
    grey = values(19, 21, 1).squeeze()
    colours = values(21, 13, 3)
    half = numpy.where(numpy.arange(13)[:, None, None] % 2, colours, numpy.uint8(77))
    wide = values(18, 12, 6).reshape(12, -1)
    profile = b"\nexif\n%8d\n" % len(exif(8).tobytes()) + exif(8).tobytes().hex().encode()
    itxt = b"XML:com.adobe.xmp\0\0\0\0\0" + xmp(5)
    return {
        "palette_one_transparent.png": png(23, 17, 8, 3, plain_rows(indices), chunk(b"PLTE", palette), chunk(b"tRNS", b"\0")),
        "palette_alphas.png": png(23, 17, 8, 3, plain_rows(indices), chunk(b"PLTE", palette), chunk(b"tRNS", b"\0\x80\xc0")),
        "palette_outside.png": png(23, 17, 8, 3, plain_rows(indices * 2), chunk(b"PLTE", palette)),
        "palette_4_bits.png": png(30, 5, 4, 3, plain_rows(values(15, 5, 1, 3).squeeze() & 0x33), chunk(b"PLTE", palette)),
        "grey_key.png": png(19, 21, 8, 0, plain_rows(grey), chunk(b"tRNS", struct.pack(">H", int(grey[3, 3])))),
        "grey_1_bit_key.png": png(40, 9, 1, 0, plain_rows(values(5, 9, 1).squeeze()), chunk(b"tRNS", b"\0\1")),
        "grey_2_bits_key.png": png(20, 9, 2, 0, plain_rows(values(5, 9, 1).squeeze()), chunk(b"tRNS", b"\0\1")),
        "grey_4_bits.png": png(10, 9, 4, 0, plain_rows(values(5, 9, 1).squeeze())),
        "colour_key.png": png(21, 13, 8, 2, plain_rows(half.reshape(13, -1)), chunk(b"tRNS", b"\0\x4d\0\x4d\0\x4d")),
        "colour_gamma.png": png(21, 13, 8, 2, plain_rows(colours.reshape(13, -1)), chunk(b"gAMA", struct.pack(">I", 100000))),
        "colour_16_bits.png": png(18, 12, 16, 2, plain_rows(wide)),
        "grey_alpha_16_bits.png": png(18, 12, 16, 4, plain_rows(values(18, 12, 4, 5).reshape(12, -1))),
        "grey_16_bits.png": png(18, 12, 16, 0, plain_rows((values(18, 12, 2, 9) % numpy.array([2, 255], numpy.uint8)).reshape(12, -1))),
        "interlaced.png": png(21, 13, 8, 2, interlaced_rows(colours), interlaced=1),
        "exif_after_pixels.png": png(21, 13, 8, 2, plain_rows(colours.reshape(13, -1)), late=[chunk(b"eXIf", exif(6).tobytes()[6:])]),
        "exif_profile.png": png(21, 13, 8, 2, plain_rows(colours.reshape(13, -1)), chunk(b"tEXt", b"Raw profile type exif\0" + profile)),
        "xmp_5.png": png(21, 13, 8, 2, plain_rows(colours.reshape(13, -1)), chunk(b"iTXt", itxt)),
    }


def saved():
    files = {}

    def save(name, image, **options):
        buffer = io.BytesIO()
        image.save(buffer, {"jpg": "JPEG", "png": "PNG", "webp": "WEBP"}[name.split(".")[-1]], **options)
        files[name] = buffer.getvalue()

    for orientation in range(1, 9):
        save(f"orientation_{orientation}.jpg", picture(50, 33), quality=80, exif=exif(orientation))
    save("xmp_7.jpg", picture(40, 26), xmp=xmp(7))
    save("exif_before_xmp.jpg", picture(40, 26), exif=exif(1), xmp=xmp(6))
    save("progressive.jpg", picture(61, 47), quality=70, progressive=True, subsampling="4:2:0")
    save("restart_422.jpg", picture(61, 47), quality=70, subsampling="4:2:2", restart_marker_blocks=2)
    save("grey.jpg", picture(37, 30, "L"), quality=85)
    save("cmyk.jpg", picture(33, 29, "CMYK"), quality=85)
    save("rgba.png", picture(41, 35, "RGBA"))
    save("grey_alpha.png", picture(29, 31, "LA"))
    save("one_side_shrinks.png", picture(83, 24))
    save("height_first.png", picture(97, 211, seed=4))
    save("upright_strip.png", picture(2, 160))
    for kind in ("jpg", "png", "webp"):
        save("one_pixel." + kind, picture(1, 1))
    save("exif_3.png", picture(20, 14), exif=exif(3))
    save("lossy.webp", picture(64, 44), quality=60)
    save("lossy_alpha.webp", picture(40, 30, "RGBA"), quality=60)
    save("lossless_exif_6.webp", picture(31, 22), lossless=True, exif=exif(6).tobytes())
    first, second = picture(24, 18, seed=1), picture(24, 18, seed=2)
    save("animated.png", first, save_all=True, append_images=[second])
    save("animated.webp", first, save_all=True, append_images=[second], lossless=True)
    part = picture(24, 18, "RGBA", seed=1)
    part.paste((0, 0, 0, 0), (0, 0, 10, 18))
    save("animated_part.webp", part, save_all=True, append_images=[second.convert("RGBA")], lossless=True, minimize_size=True)
    return files


def many_scans():
    """A progressive JPEG file whose first scan is there 600 times."""
    buffer = io.BytesIO()
    picture(8, 8, "L").save(buffer, "JPEG", progressive=True)
    content = buffer.getvalue()
    start = content.index(b"\xff\xda")
    end = start + 2
    while content[end] != 0xFF or content[end + 1] == 0:
        end += 1
    return content[:start] + content[start:end] * 600 + content[end:]


def refused(files):
    yield "many_scans.jpg", many_scans()
    for name in ("orientation_1.jpg", "progressive.jpg", "rgba.png", "lossy.webp"):
        content = files[name]
        yield "cut_" + name, content[:len(content) * 2 // 3]
    yield "cut_end.jpg", files["grey.jpg"][:-2]
    damaged = bytearray(files["grey_key.png"])
    damaged[damaged.index(b"tRNS") + 5] ^= 1
    yield "damaged_key.png", bytes(damaged)
    yield "large.png", png(60000, 60000, 8, 2, b"")
    yield "large.jpg", files["grey.jpg"].replace(struct.pack(">HH", 30, 37), struct.pack(">HH", 65500, 65500), 1)
    yield "no_width.png", png(0, 10, 8, 2, b"")
    yield "no_height.jpg", files["grey.jpg"].replace(struct.pack(">HH", 30, 37), struct.pack(">HH", 0, 37), 1)
    yield "too_long.png", png(402, 2, 8, 0, plain_rows(values(402, 2, 1).squeeze()))
    wide = values(18, 12, 6).reshape(12, -1)
    yield "colour_16_bits_key.png", png(18, 12, 16, 2, plain_rows(wide), chunk(b"tRNS", b"\0\1\0\1\0\1"))
    yield "grey_16_bits_key.png", png(36, 12, 16, 0, plain_rows(wide), chunk(b"tRNS", b"\0\1"))
    small = picture(6, 5)
    for kind in ("gif", "tiff", "bmp"):
        buffer = io.BytesIO()
        small.save(buffer, kind.upper())
        yield "picture." + kind, buffer.getvalue()
    yield "picture.heic", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"
    yield "text.png", b"This is not a picture.\n"
    yield "empty.jpg", b""


def sha256(array):
    return hashlib.sha256(numpy.ascontiguousarray(array).tobytes()).hexdigest()


def read(path, way):
    if way == "drop":
        return convert_to_rgb(load_image(str(path)), return_numpy=True)
    return convert_to_rgb(ImageOps.exif_transpose(Image.open(path)), return_numpy=True)


def expected(path):
    result = {"stored_size": list(Image.open(path).size)}
    result["orientation"] = Image.open(path).getexif().get(ORIENTATION, 1)
    for way in ("drop", "white"):
        rgb = read(path, way)
        entry = {"size": [rgb.shape[1], rgb.shape[0]], "rgb": sha256(rgb)}
        for name, (low, high) in LIMITS.items():
            processor = Qwen2VLImageProcessorPil(size={"shortest_edge": low, "longest_edge": high})
            out = processor(images=[Image.fromarray(rgb)], return_tensors="np")
            grid = out["image_grid_thw"][0].tolist()
            resized = Image.fromarray(rgb).resize((grid[2] * 14, grid[1] * 14), Image.Resampling.BICUBIC)
            entry[name] = {"grid": grid, "resized": sha256(numpy.array(resized)),
                           "pixel_values": sha256(out["pixel_values"].astype("<f4"))}
        result[way] = entry
    return result


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=pathlib.Path, default=pathlib.Path(__file__).parent)
    folder = parser.parse_args().folder
    warnings.simplefilter("ignore")
    files = saved() | hand_made()
    wrong = dict(refused(files))
    (folder / "pictures").mkdir(exist_ok=True)
    (folder / "refused").mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / "pictures" / name).write_bytes(content)
    for name, content in wrong.items():
        (folder / "refused" / name).write_bytes(content)
    table = {
        "versions": {"transformers": transformers.__version__, "Pillow": PIL.__version__, "numpy": numpy.__version__},
        "limits": LIMITS,
        "pictures": {name: expected(folder / "pictures" / name) for name in sorted(files)},
    }
    (folder / "expected.json").write_text(json.dumps(table, indent=1) + "\n")


main()

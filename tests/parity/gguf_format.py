"""GGUF files (github.com/ggml-org/ggml, docs/gguf.md) and the blocks of ggml (ggml-quants.c), in numpy."""

import struct

import numpy

TYPES = {"F32": 0, "F16": 1, "Q8_0": 8, "Q4_K": 12, "Q6_K": 14, "BF16": 30}
BLOCKS = {"Q8_0": (32, 34), "Q4_K": (256, 144), "Q6_K": (256, 210)}  # elements and bytes


def text(value):
    return struct.pack("<Q", len(value.encode())) + value.encode()


def pair(key, value):
    """A key with a value: a text, a boolean, an integer (uint32), a float (float32) or a list of one kind."""
    kinds = {str: 8, bool: 7, int: 4, float: 6}
    pack = {8: text, 7: lambda v: struct.pack("<?", v), 4: lambda v: struct.pack("<I", v), 6: lambda v: struct.pack("<f", v)}
    if not isinstance(value, list):
        kind = kinds[type(value)]
        return text(key) + struct.pack("<I", kind) + pack[kind](value)
    kind = kinds[type(value[0])]
    return text(key) + struct.pack("<IIQ", 9, kind, len(value)) + b"".join(pack[kind](v) for v in value)


def write(path, metadata, tensors, alignment=32):
    """\\param tensors  name -> (type, shape with the adjacent axis last, bytes)"""
    header = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(metadata))
    header += b"".join(pair(key, value) for key, value in metadata.items())
    data = b""
    for name, (kind, shape, stored) in tensors.items():
        header += text(name) + struct.pack("<I", len(shape)) + struct.pack(f"<{len(shape)}Q", *reversed(shape))
        header += struct.pack("<IQ", TYPES[kind], len(data))
        data += stored + bytes(-len(stored) % alignment)
    path.write_bytes(header + bytes(-len(header) % alignment) + data)


def half(blocks, at):
    return blocks[:, at : at + 2].copy().view(numpy.float16).astype(numpy.float32)


def random_blocks(kind, count, rng):
    """Blocks of numbers of the size of weights."""
    elements, size = BLOCKS[kind]
    blocks = rng.integers(0, 256, (count, size)).astype(numpy.uint8)
    scale = {"Q8_0": 3e-3, "Q4_K": 6e-4, "Q6_K": 1e-4}[kind]
    places = {"Q8_0": [(0, 1.0)], "Q4_K": [(0, 1.0), (2, 7.0)], "Q6_K": [(208, 1.0)]}[kind]
    for at, times in places:
        values = (rng.uniform(0.5, 1.0, count) * scale * times).astype(numpy.float16)
        blocks[:, at : at + 2] = values[:, None].view(numpy.uint8).reshape(count, 2)
    return blocks


def q8_0(blocks):
    return half(blocks, 0) * blocks[:, 2:].view(numpy.int8).astype(numpy.float32)


def q4_k(blocks):
    scales = numpy.zeros((len(blocks), 8), numpy.uint8)
    minima = numpy.zeros((len(blocks), 8), numpy.uint8)
    packed = blocks[:, 4:16]
    for group in range(8):
        if group < 4:
            scales[:, group], minima[:, group] = packed[:, group] & 63, packed[:, group + 4] & 63
        else:
            scales[:, group] = packed[:, group + 4] & 15 | packed[:, group - 4] >> 6 << 4
            minima[:, group] = packed[:, group + 4] >> 4 | packed[:, group] >> 6 << 4
    bytes_of_pairs = blocks[:, 16:].reshape(-1, 4, 32)
    codes = numpy.stack([bytes_of_pairs & 15, bytes_of_pairs >> 4], axis=2).reshape(-1, 8, 32).astype(numpy.float32)
    factor, less = half(blocks, 0) * scales, half(blocks, 2) * minima
    return (factor[..., None].astype(numpy.float32) * codes - less[..., None].astype(numpy.float32)).reshape(len(blocks), -1)


def q6_k(blocks):
    low, high = blocks[:, :128].reshape(-1, 2, 2, 32), blocks[:, 128:192].reshape(-1, 2, 1, 32)
    low = numpy.stack([low & 15, low >> 4], axis=2).reshape(-1, 2, 4, 32)
    high = high >> numpy.array([0, 2, 4, 6], numpy.uint8)[None, None, :, None] & 3
    codes = (low | high << 4).reshape(-1, 16, 16).astype(numpy.float32) - 32
    factor = half(blocks, 208) * blocks[:, 192:208].view(numpy.int8).astype(numpy.float32)
    return (factor[..., None] * codes).reshape(len(blocks), -1)


VALUES = {"Q8_0": q8_0, "Q4_K": q4_k, "Q6_K": q6_k}


def paired(rows, heads):
    """Rows of queries or keys as llama.cpp's converter orders those of the architecture `llama`."""
    return rows.reshape(heads, 2, rows.shape[0] // heads // 2, *rows.shape[1:]).swapaxes(1, 2).reshape(rows.shape)


def unpaired(rows, heads):
    """The opposite of `paired`."""
    return rows.reshape(heads, rows.shape[0] // heads // 2, 2, *rows.shape[1:]).swapaxes(1, 2).reshape(rows.shape)

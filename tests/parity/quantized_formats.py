"""Quantized matrices as checkpoints store them, and their values by the definitions of the formats, in numpy.

`quantize_*` makes the stored tensors of a matrix [out, in], `dequantize_*` reads them. make_quantized.py compares the
values with those of torch and transformers where these can read a format.
"""

import numpy

GROUP = 8  # inputs that share a scale in the samples of GPTQ, AWQ and int8
AWQ_ORDER = (0, 2, 4, 6, 1, 3, 5, 7)  # outputs in the order of their place in a word


# -- numbers of few bits


def e4m3(codes):
    """FP8 with 4 bits of exponent (arXiv:2209.05433): no infinities, NaN where all bits are set."""
    codes = codes.astype(numpy.int64)
    exponent, mantissa = codes >> 3 & 15, codes & 7
    values = numpy.where(exponent == 0, numpy.ldexp(mantissa / 8, -6), numpy.ldexp(1 + mantissa / 8, exponent - 7))
    values = numpy.where(codes & 127 == 127, numpy.nan, values)
    return numpy.where(codes & 128, -values, values).astype(numpy.float32)


def e2m1(codes):
    """FP4 (OCP Microscaling Formats 1.0): one bit of mantissa, exponents with the bias 1."""
    codes = codes.astype(numpy.int64)
    exponent, mantissa = codes >> 1 & 3, codes & 1
    values = numpy.where(exponent == 0, mantissa / 2, numpy.ldexp(1 + mantissa / 2, exponent - 1))
    return numpy.where(codes & 8, -values, values).astype(numpy.float32)


def nearest(values, decode, codes):
    """The code of each value whose number is nearest."""
    table = decode(numpy.array(codes))
    return numpy.array(codes)[numpy.abs(values[..., None] - table).argmin(-1)]


def words(nibbles):
    """Numbers of 4 bits, 8 along the last axis, as one word of 32 bits each, the first in the lowest bits."""
    shifts = 4 * numpy.arange(8, dtype=numpy.uint64)
    return (nibbles.astype(numpy.uint64) << shifts).sum(-1).astype(numpy.uint32).view(numpy.int32)


def nibbles(stored):
    """The opposite of `words`: a new last axis of 8."""
    return stored.view(numpy.uint32)[..., None] >> (4 * numpy.arange(8, dtype=numpy.uint32)) & 15


# -- FP8 with a scale for each block (DeepSeek-V3), or one for the matrix


def spread(scales, block, shape):
    """Scales of blocks as one for each element; the last blocks may be smaller."""
    rows = numpy.repeat(scales, block[0], axis=0)[: shape[0]]
    return numpy.repeat(rows, block[1], axis=1)[:, : shape[1]]


def quantize_fp8(weight, block):
    block = block or weight.shape
    grid = [-(-size // part) for size, part in zip(weight.shape, block)]
    scales = numpy.zeros(grid, numpy.float32)
    for row, column in numpy.ndindex(*grid):
        part = weight[row * block[0] : (row + 1) * block[0], column * block[1] : (column + 1) * block[1]]
        scales[row, column] = numpy.abs(part).max() / 300
    codes = nearest(weight / spread(scales, block, weight.shape), e4m3, [c for c in range(256) if c & 127 != 127])
    return codes.astype(numpy.uint8), scales


def dequantize_fp8(codes, scales, block):
    return e4m3(codes) * spread(scales.astype(numpy.float32), block or codes.shape, codes.shape)


# -- MXFP4 (gpt-oss): 32 numbers of a row share an exponent


def quantize_mxfp4(weight):
    """weight [expert, out, in] to blocks [expert, out, in / 32, 16] and scales [expert, out, in / 32]."""
    groups = weight.reshape(*weight.shape[:-1], -1, 32)
    exponents = numpy.floor(numpy.log2(numpy.abs(groups).max(-1))) - 2
    codes = nearest(groups / numpy.exp2(exponents)[..., None], e2m1, range(16)).astype(numpy.uint8)
    return codes[..., 0::2] | codes[..., 1::2] << 4, (exponents + 127).astype(numpy.uint8)


def dequantize_mxfp4(blocks, scales):
    both = numpy.stack([blocks & 15, blocks >> 4], axis=-1)
    values = e2m1(both.reshape(*blocks.shape[:-1], 32)) * numpy.exp2(scales.astype(numpy.float32) - 127)[..., None]
    return values.reshape(*blocks.shape[:2], -1).astype(numpy.float32)


# -- 4 bits with a zero for each group: codes [out, in], zeros and scales [group, out]


def four_bits(weight, group):
    groups = weight.reshape(weight.shape[0], -1, group)
    low, high = groups.min(-1), groups.max(-1)
    scales = ((high - low) / 15).astype(numpy.float16)
    zeros = numpy.clip(numpy.rint(-low / scales), 0, 15).astype(numpy.int64)
    codes = numpy.clip(numpy.rint(groups / scales[..., None].astype(numpy.float32)) + zeros[..., None], 0, 15)
    return codes.reshape(weight.shape).astype(numpy.int64), zeros.T, scales.T


def quantize_gptq(weight, group, offset):
    """\\param offset  1 for the first format of AutoGPTQ, which stores each zero minus one"""
    codes, zeros, scales = four_bits(weight, group or weight.shape[1])
    stored = words((zeros - offset & 15).reshape(zeros.shape[0], -1, 8))
    return words(codes.T.reshape(-1, 8, weight.shape[0]).transpose(0, 2, 1)), stored, scales


def dequantize_gptq(qweight, qzeros, scales, offset):
    codes = nibbles(qweight).transpose(1, 0, 2).reshape(qweight.shape[1], -1).astype(numpy.float32)
    zeros = (nibbles(qzeros).reshape(scales.shape).astype(numpy.int64) + offset & 15).astype(numpy.float32)
    group = codes.shape[1] // scales.shape[0]
    each = [numpy.repeat(of_group.astype(numpy.float32).T, group, axis=1) for of_group in (zeros, scales)]
    return (codes - each[0]) * each[1]


def quantize_awq(weight, group):
    codes, zeros, scales = four_bits(weight, group)
    pack = lambda numbers: words(numbers.reshape(numbers.shape[0], -1, 8)[..., AWQ_ORDER])  # noqa: E731
    return pack(codes.T), pack(zeros), scales


def dequantize_awq(qweight, qzeros, scales):
    def unpack(stored):
        places, result = nibbles(stored), numpy.zeros((*stored.shape, 8), numpy.float32)
        for place, output in enumerate(AWQ_ORDER):
            result[..., output] = places[..., place]
        return result.reshape(stored.shape[0], -1)

    group = qweight.shape[0] // scales.shape[0]
    zeros, factors = (numpy.repeat(x.astype(numpy.float32), group, axis=0) for x in (unpack(qzeros), scales))
    return ((unpack(qweight) - zeros) * factors).T


# -- int8 of compressed-tensors


def quantize_int8(weight, group=None, zero=False):
    """Codes, scales [out, part] and zeros of the same shape, or None."""
    groups = weight.reshape(weight.shape[0], -1, group or weight.shape[1])
    low, high = numpy.minimum(groups.min(-1), 0), numpy.maximum(groups.max(-1), 0)
    scales = ((high - low) / 255 if zero else numpy.maximum(high, -low) / 127).astype(numpy.float32)
    zeros = numpy.rint(-128 - low / scales).astype(numpy.int64) if zero else numpy.zeros(scales.shape, numpy.int64)
    codes = numpy.clip(numpy.rint(groups / scales[..., None]) + zeros[..., None], -128, 127)
    return codes.reshape(weight.shape).astype(numpy.int8), scales, zeros.astype(numpy.int8) if zero else None


def dequantize_int8(codes, scales, zeros=None):
    each = [numpy.repeat(x.astype(numpy.float32), codes.shape[1] // x.shape[1], axis=1)
            for x in (scales, numpy.zeros_like(scales) if zeros is None else zeros)]
    return (codes.astype(numpy.float32) - each[1]) * each[0]

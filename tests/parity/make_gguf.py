"""Writes the committed GGUF checkpoint of tests/data/gguf anew, with the logits that transformers computes with its values,
and the seeds of the fuzz target.

    python tests/parity/make_gguf.py [DIRECTORY]
"""

import sys
import tempfile
from pathlib import Path

import gguf_format as gguf
import numpy
import torch
from families import FAMILIES
from family_case import Case
from reference_models import load, run, save
from safetensors.torch import load_file, save_file
from transformers.integrations.gguf import dequant

CASE = Case(dict(hidden_size=256, num_attention_heads=2, num_key_value_heads=1, head_dim=16, intermediate_size=32,
                 num_hidden_layers=1, vocab_size=24, tie_word_embeddings=False), length=12)
# Kinds of tensors, by the end of their names in transformers, with those of llama.cpp.
NAMES = {
    "model.embed_tokens.weight": ("token_embd.weight", "Q6_K"),
    "model.norm.weight": ("output_norm.weight", "F32"),
    "lm_head.weight": ("output.weight", "Q8_0"),
    "input_layernorm.weight": ("attn_norm.weight", "F32"),
    "post_attention_layernorm.weight": ("ffn_norm.weight", "F32"),
    "q_proj.weight": ("attn_q.weight", "Q4_K"),
    "k_proj.weight": ("attn_k.weight", "F16"),
    "v_proj.weight": ("attn_v.weight", "Q6_K"),
    "o_proj.weight": ("attn_output.weight", "Q8_0"),
    "gate_proj.weight": ("ffn_gate.weight", "Q4_K"),
    "up_proj.weight": ("ffn_up.weight", "BF16"),
    "down_proj.weight": ("ffn_down.weight", "Q8_0"),
}


def stored_and_values(kind, weight, rng):
    """Bytes of a tensor of llama.cpp, and its values. The numbers of blocks are drawn."""
    if kind == "F32":
        return weight.tobytes(), weight
    if kind == "F16":
        return weight.astype(numpy.float16).tobytes(), weight.astype(numpy.float16).astype(numpy.float32)
    if kind == "BF16":
        narrow = torch.from_numpy(weight).to(torch.bfloat16)
        return narrow.view(torch.int16).numpy().tobytes(), narrow.float().numpy()
    elements = gguf.BLOCKS[kind][0]
    blocks = gguf.random_blocks(kind, weight.size // elements, rng)
    values = gguf.VALUES[kind](blocks).reshape(weight.shape).astype(numpy.float32)
    decode = {"Q8_0": dequant._dequant_q8_0, "Q4_K": dequant._dequant_q4_k, "Q6_K": dequant._dequant_q6_k}[kind]
    made = decode(torch.from_numpy(blocks), torch.float32).reshape(weight.shape).numpy()
    assert numpy.array_equal(made, values), kind  # transformers reads the blocks alike
    return blocks.tobytes(), values


def write(directory):
    rng = numpy.random.default_rng(5)
    tensors, expected = {}, {}
    with tempfile.TemporaryDirectory() as plain:
        ids = save(FAMILIES["llama"], CASE, plain)
        weights = load_file(Path(plain) / "model.safetensors")
        for name in sorted(weights):
            end, (stored, kind) = next((e, n) for e, n in NAMES.items() if name.endswith(e))
            stored = stored if name == end else f"blk.{name.split('.')[2]}.{stored}"
            heads = {"q_proj.weight": 2, "k_proj.weight": 1}.get(end)
            weight = weights[name].numpy()
            data, values = stored_and_values(kind, gguf.paired(weight, heads) if heads else weight, rng)
            values = gguf.unpaired(values, heads) if heads else values
            tensors[stored] = (kind, weight.shape, data)
            weights[name] = torch.from_numpy(numpy.ascontiguousarray(values))
            if end[0] in "qkvd":  # queries and keys, whose order of rows differs, and one of every kind
                expected[f"values.{name}"] = weights[name]
        tensors["rope_freqs.weight"] = ("F32", (8,), numpy.ones(8, numpy.float32).tobytes())
        save_file(weights, Path(plain) / "model.safetensors", {"format": "pt"})
        expected |= dict(ids=ids, logits=run(load(FAMILIES["llama"], plain, torch.float64), ids)[0].float())
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "config.json").write_text((Path(plain) / "config.json").read_text())
    metadata = {"general.architecture": "llama", "general.name": "tiny", "llama.block_count": 1,
                "llama.attention.head_count": 2, "llama.attention.head_count_kv": 1, "llama.rope.freq_base": 10000.0,
                "tokenizer.ggml.tokens": [f"t{i}" for i in range(24)], "tokenizer.ggml.scores": [0.5] * 24,
                "tokenizer.ggml.add_bos_token": True}
    gguf.write(directory / "tiny.gguf", metadata, tensors)
    save_file({n: t.contiguous() for n, t in expected.items()}, directory / "expected.safetensors")


def write_seeds(directory):
    """Small files: each kind of value and tensor, and faults that readers have had."""
    directory.mkdir(parents=True, exist_ok=True)
    metadata = {"general.architecture": "llama", "general.alignment": 64, "a.list": [1, 2], "a.text": ["x", "y"],
                "a.flag": True, "a.number": 0.5}
    tensors = {"a": ("F32", (2, 3), bytes(24)), "b": ("Q8_0", (1, 32), bytes(34)), "c": ("Q4_K", (1, 256), bytes(144)),
               "d": ("Q6_K", (1, 256), bytes(210)), "e": ("F16", (3,), bytes(6)), "f": ("BF16", (1,), bytes(2))}
    gguf.write(directory / "valid.gguf", metadata, tensors, 64)
    whole = (directory / "valid.gguf").read_bytes()
    (directory / "cut_within_the_header.gguf").write_bytes(whole[:100])
    (directory / "cut_within_the_data.gguf").write_bytes(whole[:-200])
    (directory / "counts_beyond_the_file.gguf").write_bytes(whole[:8] + b"\xff" * 16)
    (directory / "other_byte_order.gguf").write_bytes(b"GGUF" + whole[4:8][::-1] + whole[8:])
    gguf.write(directory / "no_alignment.gguf", metadata | {"general.alignment": 0}, tensors, 64)
    sizes = whole.replace((256).to_bytes(8, "little"), (2**63).to_bytes(8, "little"))
    (directory / "sizes_beyond_64_bits.gguf").write_bytes(sizes)


if __name__ == "__main__":
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[1] / "data"
    write(root / "gguf" / "llama")
    write_seeds(root / "fuzz" / "gguf")
    for path in sorted([*(root / "gguf" / "llama").iterdir(), *(root / "fuzz" / "gguf").iterdir()]):
        print(path.relative_to(root), path.stat().st_size, "bytes")

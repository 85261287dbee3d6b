"""Writes the committed checkpoints of tests/data/quantized anew: one for each format, with the values of its matrices by
the definitions of quantized_formats.py and the logits that transformers computes with these values.

    python tests/parity/make_quantized.py [--only NAME]... [DIRECTORY]
"""

import argparse
import json
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy
import quantized_formats as formats
import torch
from families import FAMILIES
from family_case import Case
from reference_models import load, run, save
from safetensors.torch import load_file, save_file

GROUP = formats.GROUP


def is_matrix(name):
    """Matrices that published checkpoints quantize: not the embedding, the router or the unembedding."""
    return name.endswith(("_proj.weight", "kv_a_proj_with_mqa.weight"))


def tensors_of(module, arrays):
    return {f"{module}.{name}": torch.from_numpy(numpy.ascontiguousarray(x)) for name, x in arrays.items()}


# Each returns the stored tensors of a matrix and its values.


def fp8(block):
    def make(name, weight):
        codes, scales = formats.quantize_fp8(weight, block)
        values = formats.dequantize_fp8(codes, scales, block)
        stored = torch.from_numpy(codes).view(torch.float8_e4m3fn)
        assert numpy.array_equal(formats.e4m3(codes), stored.float().numpy())  # torch reads the codes alike
        if block and all(size % part == 0 for size, part in zip(weight.shape, block)):
            from transformers.integrations.finegrained_fp8 import Fp8Dequantize

            made = Fp8Dequantize(None)._dequantize_one(stored, torch.from_numpy(scales), torch.float32)
            assert numpy.array_equal(values, made.numpy())
        module = name.removesuffix(".weight")
        tensors = {name: stored}
        if block:
            return tensors | tensors_of(module, {"weight_scale_inv": scales}), values
        one = {f"{module}.weight_scale_inv": torch.tensor(float(scales[0, 0]))}
        return tensors | one | {f"{module}.activation_scale": torch.tensor(0.5)}, values

    return make


def gptq(group, offset, g_idx=True):
    def make(name, weight):
        module = name.removesuffix(".weight")
        qweight, qzeros, scales = formats.quantize_gptq(weight, group, offset)
        values = formats.dequantize_gptq(qweight, qzeros, scales, offset)
        arrays = dict(qweight=qweight, qzeros=qzeros, scales=scales)
        if g_idx:
            arrays["g_idx"] = (numpy.arange(weight.shape[1]) // (group or weight.shape[1])).astype(numpy.int32)
        if g_idx and "down" in name:  # as old programs wrote them
            arrays["bias"] = numpy.zeros(weight.shape[0], numpy.float16)
        return tensors_of(module, arrays), values

    return make


def awq(name, weight):
    qweight, qzeros, scales = formats.quantize_awq(weight, GROUP)
    values = formats.dequantize_awq(qweight, qzeros, scales)
    return tensors_of(name.removesuffix(".weight"), dict(qweight=qweight, qzeros=qzeros, scales=scales)), values


def int8(name, weight):
    """Scales of rows in attention, of groups with zeros in MLPs."""
    mlp = "mlp" in name
    codes, scales, zeros = formats.quantize_int8(weight, GROUP if mlp else None, zero=mlp)
    arrays = dict(weight=codes, weight_scale=scales) | ({} if zeros is None else dict(weight_zero_point=zeros))
    return tensors_of(name.removesuffix(".weight"), arrays), formats.dequantize_int8(codes, scales, zeros)


def fp8_of_rows(name, weight):
    codes, scales = formats.quantize_fp8(weight, (1, weight.shape[1]))
    scales = torch.from_numpy(scales).to(torch.bfloat16)  # compressed-tensors keeps them in the type of the model
    values = formats.dequantize_fp8(codes, scales.float().numpy(), (1, weight.shape[1]))
    module = name.removesuffix(".weight")
    stored = torch.from_numpy(codes).view(torch.float8_e4m3fn)
    return {name: stored, f"{module}.weight_scale": scales, f"{module}.input_scale": torch.tensor(0.1)}, values


def mxfp4(name, weight):
    """weight [expert, in, out], as transformers holds it; the file has [expert, out, in]."""
    from transformers.integrations.mxfp4 import convert_moe_packed_tensors

    blocks, scales = formats.quantize_mxfp4(weight.transpose(0, 2, 1))
    values = formats.dequantize_mxfp4(blocks, scales).transpose(0, 2, 1)
    made = convert_moe_packed_tensors(torch.from_numpy(blocks), torch.from_numpy(scales), dtype=torch.float32)
    assert numpy.array_equal(values, made.numpy())
    return {f"{name}_blocks": torch.from_numpy(blocks), f"{name}_scales": torch.from_numpy(scales)}, values


def compressed(kind, weights, activations=None):
    groups = {f"group_{i}": dict(targets=["Linear"], weights=dict(num_bits=8, type=kind, **w), input_activations=activations)
              for i, w in enumerate(weights)}
    return dict(quant_method="compressed-tensors", format=f"{kind}-quantized", config_groups=groups, ignore=["lm_head"],
                quantization_status="compressed", kv_cache_scheme=None, sparsity_config={}, transform_config={})


@dataclass(frozen=True)
class Quantized:
    family: str
    config: dict  # over the family's base
    settings: dict  # quantization_config
    make: object
    chosen: object = is_matrix


SIZES = dict(num_hidden_layers=2)
WORDS = SIZES | dict(hidden_size=32, head_dim=8, intermediate_size=40)  # multiples of 8
EXPERTS = dict(hidden_size=64, intermediate_size=32, num_local_experts=2)  # multiples of 32
GPTQ = dict(quant_method="gptq", bits=4, desc_act=False, sym=False)

MODELS = {
    "fp8": Quantized("deepseek_v3", SIZES,
                     dict(quant_method="fp8", fmt="e4m3", activation_scheme="dynamic", weight_block_size=[8, 8]), fp8((8, 8))),
    "fp8-whole": Quantized("llama", SIZES, dict(quant_method="fp8", activation_scheme="static", weight_block_size=None),
                           fp8(None)),
    "mxfp4": Quantized("gpt_oss", EXPERTS, dict(quant_method="mxfp4", modules_to_not_convert=["lm_head"]), mxfp4,
                       lambda name: name.endswith(("experts.gate_up_proj", "experts.down_proj"))),
    "gptq": Quantized("llama", WORDS, GPTQ | dict(group_size=GROUP), gptq(GROUP, 1)),
    "gptq-v2": Quantized("qwen2", SIZES | dict(hidden_size=32, intermediate_size=40),
                         GPTQ | dict(group_size=-1, checkpoint_format="gptq_v2"), gptq(None, 0, g_idx=False)),
    "awq": Quantized("llama", WORDS, dict(quant_method="awq", bits=4, group_size=GROUP, zero_point=True, version="gemm"), awq),
    "compressed-int8": Quantized(
        "llama", WORDS,
        compressed("int", [dict(strategy="channel", symmetric=True),
                           dict(strategy="group", group_size=GROUP, symmetric=False)]), int8),
    "compressed-fp8": Quantized(
        "llama", WORDS, compressed("float", [dict(strategy="channel")], dict(num_bits=8, type="float", dynamic=False)),
        fp8_of_rows),
}


def write(name, directory):
    """A checkpoint of the plain model, with the chosen matrices in quantized form, and what is expected of it."""
    sample = MODELS[name]
    family, case = FAMILIES[sample.family], Case(sample.config)
    expected, stored = {}, {}
    with tempfile.TemporaryDirectory() as plain:
        ids = save(family, case, plain)
        weights = load_file(Path(plain) / "model.safetensors")
        for tensor in sorted(weights):
            if not sample.chosen(tensor):
                stored[tensor] = weights[tensor]
                continue
            made, values = sample.make(tensor, weights[tensor].numpy())
            stored |= made
            weights[tensor] = torch.from_numpy(numpy.ascontiguousarray(values))
            expected[f"values.{tensor}"] = weights[tensor]
        save_file(weights, Path(plain) / "model.safetensors", {"format": "pt"})
        expected["logits"] = run(load(family, plain, torch.float64), ids)[0].float()
        directory.mkdir(parents=True, exist_ok=True)
        config = json.loads((Path(plain) / "config.json").read_text()) | dict(quantization_config=sample.settings)
    (directory / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    save_file({n: t.contiguous() for n, t in stored.items()}, directory / "model.safetensors", {"format": "pt"})
    save_file({n: t.contiguous() for n, t in (expected | dict(ids=ids)).items()}, directory / "expected.safetensors")


def loaded_by_transformers(name, directory):
    """Largest difference between the expected logits and those of transformers' own loader, for formats that it
    dequantizes on a CPU without other packages."""
    if name != "mxfp4":
        return None
    from transformers import AutoModelForCausalLM, Mxfp4Config

    settings = dict(dtype=torch.float32, attn_implementation="eager", quantization_config=Mxfp4Config(dequantize=True))
    expected = load_file(directory / "expected.safetensors")
    with torch.no_grad():
        model = AutoModelForCausalLM.from_pretrained(directory, **settings).eval()
        return (model(expected["ids"], use_cache=False).logits - expected["logits"]).abs().max().item()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", choices=MODELS, help="default: every one")
    parser.add_argument("directory", nargs="?", type=Path, default=Path(__file__).parents[1] / "data" / "quantized")
    arguments = parser.parse_args()
    for name in arguments.only or MODELS:
        target = arguments.directory / name
        shutil.rmtree(target, ignore_errors=True)
        write(name, target)
        size = sum(f.stat().st_size for f in target.iterdir())
        difference = loaded_by_transformers(name, target)
        print(name, size, "bytes" + ("" if difference is None else f"; transformers' own loader differs by {difference:.1e}"))

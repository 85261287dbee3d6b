"""Makes tests/data/vision_models: small checkpoints of Qwen2-VL and Qwen2.5-VL with random weights, each
with expected.safetensors, what transformers computes with them in float32.
usage: python tests/parity/vision_reference.py [--folder FOLDER]
       python tests/parity/vision_reference.py --golden FOLDER --folder FOLDER
Made with torch 2.13.0 and transformers 5.24.0. With --golden, values of another program (one HDF5 file for
each checkpoint) get the same form, for which h5py is needed; the test vision_models_test.cpp reads them
where LENSBENCH_TEST_VISION_MODELS names the folder.

Tensors of a case: CASE.input_ids [pos], CASE.grids [picture, 3], CASE.pixel_rows [patch, values] (not stored
where they are those of `pixel_rows` below), CASE.position_ids [3, pos], CASE.vision_out [token, d_model],
CASE.positions [k] with CASE.residual [layer, k, d_model] (not for the last layer), CASE.logits [pos, vocab],
CASE.generated [step]."""
import argparse
import json
import pathlib
import shutil

import numpy
import torch
from safetensors.torch import save_file

IMAGE, VIDEO, START, END = 60, 61, 58, 59
PATCH_VALUES = 3 * 2 * 14 * 14


def pixel_rows(patches):
    """Numbers from -1 to 1 that need no random generator."""
    i, j = numpy.arange(patches)[:, None], numpy.arange(PATCH_VALUES)[None]
    return torch.tensor(((i * 31 + j * 17 + i * j) % 97) / 48 - 1, dtype=torch.float32)


def text_settings():
    return {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 3, "num_attention_heads": 4,
            "num_key_value_heads": 2, "vocab_size": 64, "max_position_embeddings": 512,
            "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [1, 2, 1]},
            "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 0}


def ids_of_tokens():
    return {"image_token_id": IMAGE, "video_token_id": VIDEO, "vision_start_token_id": START, "vision_end_token_id": END}


def qwen2_vl():
    from transformers import Qwen2VLConfig, Qwen2VLForConditionalGeneration
    vision = {"depth": 3, "embed_dim": 16, "hidden_size": 32, "num_heads": 2, "mlp_ratio": 2}
    return Qwen2VLForConditionalGeneration(Qwen2VLConfig(text_config=text_settings(), vision_config=vision,
                                                         tie_word_embeddings=True, **ids_of_tokens()))


def qwen2_5_vl():
    from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration
    vision = {"depth": 4, "hidden_size": 16, "out_hidden_size": 32, "num_heads": 2, "intermediate_size": 24,
              "window_size": 56, "fullatt_block_indexes": [1, 3], "tokens_per_second": 2}
    return Qwen2_5_VLForConditionalGeneration(Qwen2_5_VLConfig(text_config=text_settings(), vision_config=vision,
                                                               tie_word_embeddings=False, **ids_of_tokens()))


def randomise(model, seed):
    """Weights of a size at which every branch matters, gains next to 1."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            noise = torch.randn(weight.shape, generator=generator)
            if weight.dim() == 1:
                weight.copy_(1 + 0.2 * noise if name.endswith("weight") else 0.2 * noise)
            else:
                fan = weight[0].numel()
                weight.copy_(noise * (1.0 if "embed_tokens" in name else 1.2 / fan ** 0.5))


CASES = {
    "picture": (lambda: [3, 4, START] + [IMAGE] * 15 + [END, 5, 6], [(1, 6, 10)]),
    "two_pictures": (lambda: [START] + [IMAGE] * 6 + [END, 7, START] + [IMAGE] * 10 + [END, 8], [(1, 4, 6), (1, 10, 4)]),
    "text": (lambda: [3, 4, 5, 6, 7, 8, 9], []),
}


def expect(model, ids, grids):
    arguments = {"input_ids": torch.tensor([ids])}
    if grids:
        arguments["pixel_values"] = pixel_rows(sum(t * h * w for t, h, w in grids))
        arguments["image_grid_thw"] = torch.tensor(grids)
    types = (arguments["input_ids"] == IMAGE).int()
    arguments["mm_token_type_ids"] = types
    found = {"input_ids": arguments["input_ids"][0]}
    with torch.no_grad():
        if grids:
            positions, _ = model.model.get_rope_index(arguments["input_ids"], types, image_grid_thw=arguments["image_grid_thw"])
            found["position_ids"] = positions[:, 0]
            found["grids"] = arguments["image_grid_thw"]
            features = model.model.visual(arguments["pixel_values"], grid_thw=arguments["image_grid_thw"])
            found["vision_out"] = features.pooler_output if hasattr(features, "pooler_output") else features
        output = model(**arguments, output_hidden_states=True)
        found["logits"] = output.logits[0]
        found["positions"] = torch.arange(len(ids))
        # The last one of transformers is normalised already.
        found["residual"] = torch.stack([state[0] for state in output.hidden_states[:-1]])
        generated = model.generate(**arguments, max_new_tokens=6, do_sample=False, eos_token_id=None, pad_token_id=0)
        found["generated"] = generated[0, len(ids):]
    return found


def make(folder):
    for name, build, seed, published in (("qwen2_vl", qwen2_vl, 1, True), ("qwen2_5_vl", qwen2_5_vl, 2, False)):
        torch.manual_seed(0)
        model = build().float().eval()
        model.set_attn_implementation("eager")
        randomise(model, seed)
        model.tie_weights()
        place = folder / name
        shutil.rmtree(place, ignore_errors=True)
        if published:
            model.save_pretrained(place)
        else:
            # The names of the modules, which some programs store.
            place.mkdir(parents=True)
            model.config.save_pretrained(place)
            save_file({key: value.contiguous() for key, value in model.state_dict().items()}, place / "model.safetensors",
                      {"format": "pt"})
        for extra in place.glob("generation_config.json"):
            extra.unlink()
        tensors = {}
        for case, (ids, grids) in CASES.items():
            for key, value in expect(model, ids(), grids).items():
                tensors[f"{case}.{key}"] = value.contiguous().clone()
        save_file(tensors, place / "expected.safetensors")


def convert(golden, folder):
    import h5py
    mean, std = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)

    def rows_of(picture):
        height, width, _ = picture.shape
        table = numpy.stack([((numpy.arange(256) * 0.00392156862745098).astype(numpy.float32) - numpy.float32(m)) /
                             numpy.float32(s) for m, s in zip(mean, std)])
        values = numpy.stack([table[c][picture[..., c]] for c in range(3)])
        cut = values.reshape(3, height // 28, 2, 14, width // 28, 2, 14).transpose(1, 4, 2, 5, 0, 3, 6)
        return numpy.repeat(cut.reshape(-1, 3, 1, 14, 14), 2, axis=2).reshape(-1, PATCH_VALUES)

    for values in sorted(golden.glob("*.h5")):
        place = folder / values.stem
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(golden / values.stem, place, copy_function=shutil.copyfile)
        place.chmod(0o755)
        tensors = {}
        with h5py.File(values) as file:
            for case, group in file.items():
                names = {"input_ids": "input_ids", "position_ids": "position_ids", "grids": "image_grid_thw",
                         "vision_out": "vision/out", "positions": "positions", "residual": "residual",
                         "logits": "final_logits_f32", "generated": "generate/ids"}
                for name, stored in names.items():
                    if stored in group:
                        array = group[stored][()]
                        array = array.astype(numpy.int64 if array.dtype.kind in "iu" else numpy.float32)
                        tensors[f"{case}.{name}"] = torch.tensor(array)
                if f"{case}.residual" in tensors:
                    tensors[f"{case}.residual"] = tensors[f"{case}.residual"][:-1].clone()
                pictures = [group[f"resized_rgb/{i}"][()] for i in range(len(group["image_grid_thw"]))] if "resized_rgb" in group else []
                if pictures:
                    tensors[f"{case}.pixel_rows"] = torch.tensor(numpy.concatenate([rows_of(one) for one in pictures]))
                elif "pixel_values_f32" in group:
                    tensors[f"{case}.pixel_rows"] = torch.tensor(group["pixel_values_f32"][()])
        tensors = {key: value for key, value in tensors.items() if value.numel()}
        save_file(tensors, place / "expected.safetensors")


def main():
    here = pathlib.Path(__file__).resolve().parent.parent / "data" / "vision_models"
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=pathlib.Path, default=here)
    parser.add_argument("--golden", type=pathlib.Path)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    if arguments.golden:
        convert(arguments.golden, arguments.folder)
    else:
        make(arguments.folder)


if __name__ == "__main__":
    main()

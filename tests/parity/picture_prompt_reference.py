"""Makes tests/data/picture_prompts: a small Qwen2.5-VL checkpoint with random weights, tokenizer, chat template
and pictures, and what transformers makes of prompts with these pictures: the text, the ids and the logits of
the last position in float32.
usage: python tests/parity/picture_prompt_reference.py [--folder FOLDER]
Made with torch 2.13.0, transformers 5.24.0 and Pillow 13.0.0.

expected.safetensors: CASE.ids [pos] and CASE.logits [vocab]; prompts.json: the prompt and the pictures of each."""
import argparse
import json
import pathlib
import shutil

import numpy
import torch
from PIL import Image
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast, Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration
from transformers.image_utils import load_image
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>"]
VOCABULARY = 272
# The template of both families as it is published.
TEMPLATE = (
    "{% set image_count = namespace(value=0) %}{% set video_count = namespace(value=0) %}{% for message in messages %}"
    "{% if loop.first and message['role'] != 'system' %}<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n{% endif %}"
    "<|im_start|>{{ message['role'] }}\n{% if message['content'] is string %}{{ message['content'] }}<|im_end|>\n{% else %}"
    "{% for content in message['content'] %}{% if content['type'] == 'image' or 'image' in content or 'image_url' in content %}"
    "{% set image_count.value = image_count.value + 1 %}{% if add_vision_id %}Picture {{ image_count.value }}: {% endif %}"
    "<|vision_start|><|image_pad|><|vision_end|>{% elif content['type'] == 'video' or 'video' in content %}"
    "{% set video_count.value = video_count.value + 1 %}{% if add_vision_id %}Video {{ video_count.value }}: {% endif %}"
    "<|vision_start|><|video_pad|><|vision_end|>{% elif 'text' in content %}{{ content['text'] }}{% endif %}{% endfor %}<|im_end|>\n"
    "{% endif %}{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}")
# Case -> pictures and parts of the message; None is a picture.
CASES = {
    "one": (["odd.png"], [None, "What is it?"], ""),
    "turned": (["turned.jpg"], [None, "What is it?"], "An "),
    "two": (["odd.png", "turned.jpg"], ["Is ", None, " like ", None, "?"], ""),
}


def make_tokenizer(folder):
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={c: i for i, c in enumerate(alphabet)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(SPECIAL)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|im_end|>", pad_token="<|endoftext|>", chat_template=TEMPLATE)
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<|im_end|>", "pad_token": "<|endoftext|>",
                "bos_token": None, "chat_template": TEMPLATE}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=1) + "\n")
    return fast


def make_model(folder, ids):
    text = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
            "num_key_value_heads": 2, "vocab_size": VOCABULARY, "max_position_embeddings": 512,
            "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [1, 2, 1]},
            "bos_token_id": None, "eos_token_id": ids["<|im_end|>"], "pad_token_id": ids["<|endoftext|>"]}
    vision = {"depth": 2, "hidden_size": 16, "out_hidden_size": 32, "num_heads": 2, "intermediate_size": 24,
              "window_size": 56, "fullatt_block_indexes": [1], "tokens_per_second": 2}
    config = Qwen2_5_VLConfig(text_config=text, vision_config=vision, tie_word_embeddings=True,
                              image_token_id=ids["<|image_pad|>"], video_token_id=ids["<|video_pad|>"],
                              vision_start_token_id=ids["<|vision_start|>"], vision_end_token_id=ids["<|vision_end|>"])
    model = Qwen2_5_VLForConditionalGeneration(config).float().eval()
    model.set_attn_implementation("eager")
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            noise = torch.randn(weight.shape, generator=generator)
            if weight.dim() == 1:
                weight.copy_(1 + 0.2 * noise if name.endswith("weight") else 0.2 * noise)
            else:
                weight.copy_(noise * (1.0 if "embed_tokens" in name else 1.2 / weight[0].numel() ** 0.5))
    model.tie_weights()
    model.save_pretrained(folder)
    for extra in folder.glob("generation_config.json"):
        extra.unlink()
    return model


def make_pictures(folder):
    """A picture with odd sides, and one that is stored lying on its side (orientation 6)."""
    folder.mkdir()
    y, x = numpy.mgrid[0:45, 0:61]
    odd = numpy.stack([(x * 4) % 256, (y * 5) % 256, (x * y) % 256], axis=-1).astype(numpy.uint8)
    Image.fromarray(odd).save(folder / "odd.png")
    y, x = numpy.mgrid[0:70, 0:110]
    turned = numpy.stack([(x * 2) % 256, (x + y) % 256, (y * 3) % 256], axis=-1).astype(numpy.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(turned).save(folder / "turned.jpg", quality=90, exif=exif)


def expect(model, tokenizer, processor, folder, files, parts, prefix):
    message = [{"type": "image"} if part is None else {"type": "text", "text": part} for part in parts]
    text = tokenizer.apply_chat_template([{"role": "user", "content": message}], tokenize=False,
                                         add_generation_prompt=True) + prefix
    pictures = [load_image(str(folder / name)) for name in files]
    rows = processor(images=pictures, return_tensors="pt")
    expanded = text
    for grid in rows["image_grid_thw"]:
        expanded = expanded.replace("<|image_pad|>", "<|hold|>" * (int(grid.prod()) // 4), 1)
    ids = tokenizer(expanded.replace("<|hold|>", "<|image_pad|>"), return_tensors="pt")["input_ids"]
    with torch.no_grad():
        output = model(input_ids=ids, pixel_values=rows["pixel_values"], image_grid_thw=rows["image_grid_thw"],
                       mm_token_type_ids=(ids == model.config.image_token_id).int())
    return text, ids[0], output.logits[0, -1].float()


def main():
    here = pathlib.Path(__file__).resolve().parent.parent / "data" / "picture_prompts"
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=pathlib.Path, default=here)
    folder = parser.parse_args().folder
    shutil.rmtree(folder, ignore_errors=True)
    model_folder = folder / "model"
    model_folder.mkdir(parents=True)
    tokenizer = make_tokenizer(model_folder)
    model = make_model(model_folder, {text: tokenizer.convert_tokens_to_ids(text) for text in SPECIAL})
    processor = Qwen2VLImageProcessorPil(size={"shortest_edge": 3136, "longest_edge": 12544})
    processor.save_pretrained(model_folder)
    make_pictures(folder / "pictures")
    tensors, prompts = {}, {}
    for name, (files, parts, prefix) in CASES.items():
        text, ids, logits = expect(model, tokenizer, processor, folder / "pictures", files, parts, prefix)
        tensors[f"{name}.ids"], tensors[f"{name}.logits"] = ids.contiguous(), logits.contiguous()
        prompts[name] = {"pictures": files, "prompt": "".join("{image}" if part is None else part for part in parts),
                         "answer_prefix": prefix, "text": text}
    save_file(tensors, folder / "expected.safetensors")
    (folder / "prompts.json").write_text(json.dumps(prompts, indent=1) + "\n")


if __name__ == "__main__":
    main()

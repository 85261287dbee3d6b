"""The embedded vision model: its tokenizer, its weights before training, and its forward for many pictures at once.

Used by train_shapes_qwen2vl.py. Needs from PyPI: torch, transformers, tokenizers, safetensors, numpy.
"""
import math
import pathlib

import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (PreTrainedTokenizerFast, Qwen2VLConfig, Qwen2VLForConditionalGeneration,
                          Qwen2VLImageProcessorPil)

from drawn_pictures import CELL, COLOURS, NUMBERS, SHAPES, SIDE, cells, draw_scene, questions

SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>",
           "<|video_pad|>"]
SYSTEM = "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n<|vision_start|>"
ANSWER = "<|im_end|>\n<|im_start|>assistant\n"
TEMPLATE = pathlib.Path(__file__).with_name("chat_template_qwen2vl.jinja")
GRID = SIDE // CELL
MEAN = torch.tensor([0.48145466, 0.4578275, 0.40821073])
STD = torch.tensor([0.26862954, 0.26130258, 0.27577711])
WIDTH, LAYERS, DEPTH = 96, 6, 4


def train_tokenizer():
    """A byte-level BPE in which each word of the questions and answers is one token."""
    rng, texts = np.random.default_rng(0), {SYSTEM.replace("<|im_start|>", ""), ANSWER.replace("<|im_end|>", "")}
    for _ in range(3000):
        scene = draw_scene(rng)
        for _, forms, answer in questions(scene):
            texts |= set(forms) | {answer, " " + answer}
    words = ["nothing", "retina", "disc", "exudates", "fundus", *SHAPES, *COLOURS, *NUMBERS]
    texts |= {" " + word for word in words} | set(words)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(sorted(texts), trainers.BpeTrainer(
        vocab_size=1000, special_tokens=[], initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False))
    tokenizer.add_special_tokens(SPECIAL)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|im_end|>", pad_token="<|endoftext|>",
                                   additional_special_tokens=SPECIAL, chat_template=TEMPLATE.read_text())


def make_model(tokenizer):
    ids = {name: tokenizer.convert_tokens_to_ids(name) for name in SPECIAL}
    rotary = {"rope_type": "default", "rope_theta": 10.0, "mrope_section": [4, 4, 4]}
    text = dict(vocab_size=len(tokenizer), hidden_size=WIDTH, intermediate_size=2 * WIDTH, num_hidden_layers=LAYERS,
                num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=512, rms_norm_eps=1e-6,
                rope_parameters=rotary, bos_token_id=None, eos_token_id=ids["<|im_end|>"],
                pad_token_id=ids["<|endoftext|>"], use_sliding_window=False)
    vision = dict(depth=DEPTH, embed_dim=WIDTH, hidden_size=WIDTH, num_heads=4, mlp_ratio=2, patch_size=14,
                  spatial_merge_size=2, temporal_patch_size=2)
    config = Qwen2VLConfig(text_config=text, vision_config=vision, tie_word_embeddings=True,
                           image_token_id=ids["<|image_pad|>"], video_token_id=ids["<|video_pad|>"],
                           vision_start_token_id=ids["<|vision_start|>"], vision_end_token_id=ids["<|vision_end|>"])
    model = Qwen2VLForConditionalGeneration(config)
    with torch.no_grad():
        # The usual deviation of 0.02 is for much wider layers, and lets these learn slowly.
        for name, weight in model.named_parameters():
            if weight.dim() >= 2:
                weight.normal_(0, 0.05 if "embed_tokens" in name else 0.8 / math.sqrt(weight[0].numel()))
    return model


def patches_of(pictures):
    """What the tower reads of both equal frames together, in blocks of 2 x 2 patches: [picture, patch, 588]."""
    values = (torch.from_numpy(pictures).float() / 255 - MEAN) / STD
    values = values.permute(0, 3, 1, 2).reshape(len(pictures), 3, GRID, 2, 14, GRID, 2, 14)
    return values.permute(0, 2, 5, 3, 6, 1, 4, 7).reshape(len(pictures), 4 * GRID * GRID, 588)


def tower_angles(width):
    """Angles of the rotary positions, rows before columns, in the order of the patches."""
    place = torch.arange(4 * GRID * GRID)
    block, inner = place // 4, place % 4
    row, column = block // GRID * 2 + inner // 2, block % GRID * 2 + inner % 2
    frequency = 10000.0 ** (-torch.arange(width // 4) * 4 / width)
    return torch.cat([row[:, None] * frequency, column[:, None] * frequency], 1).repeat(1, 2)


def turned(values, angles):
    low, high = values.chunk(2, -1)
    return values * angles.cos() + torch.cat([-high, low], -1) * angles.sin()


class Packer:
    """Puts the questions about each picture after its tokens, so that they share them without seeing each other."""

    def __init__(self, tokenizer):
        self.encode = lambda text: tokenizer.encode(text, add_special_tokens=False)
        self.pad = tokenizer.convert_tokens_to_ids("<|image_pad|>")
        self.start, self.after = self.encode(SYSTEM), self.encode("<|vision_end|>")
        self.cache = {}

    def ids(self, text):
        if text not in self.cache:
            self.cache[text] = self.encode(text)
        return self.cache[text]

    def __call__(self, asked):
        """Tensors for one list of (question, answer) a picture: ids, positions, mask, and what to predict where."""
        prefix = self.start + [self.pad] * (GRID * GRID) + self.after
        begin, end = len(self.start), len(self.start) + GRID
        head = [[i] * 3 for i in range(begin)]
        head += [[begin, begin + k // GRID, begin + k % GRID] for k in range(GRID * GRID)] + [[end] * 3]
        samples = []
        for items in asked:
            ids, places, blocks, targets = list(prefix), list(head), [0] * len(prefix), []
            for number, (question, answer) in enumerate(items, 1):
                before, after = self.ids(question + ANSWER), self.ids(answer + "<|im_end|>")
                targets += [(len(ids) + len(before) - 1 + k, token, number) for k, token in enumerate(after)]
                places += [[end + 1 + k] * 3 for k in range(len(before) + len(after))]
                ids += before + after
                blocks += [number] * (len(before) + len(after))
            samples.append((ids, places, blocks, targets))
        longest = max(len(s[0]) for s in samples)
        ids = torch.tensor([s[0] + [0] * (longest - len(s[0])) for s in samples])
        places = torch.tensor([s[1] + [[0] * 3] * (longest - len(s[1])) for s in samples]).permute(2, 0, 1)
        blocks = torch.tensor([s[2] + [-1] * (longest - len(s[2])) for s in samples])
        sees = (blocks[:, None, :] == blocks[:, :, None]) | (blocks[:, None, :] == 0)
        sees &= torch.ones(longest, longest, dtype=torch.bool).tril()
        sees |= torch.eye(longest, dtype=torch.bool)
        mask = torch.zeros(sees.shape).masked_fill(~sees, torch.finfo(torch.float32).min)[:, None]
        where = torch.tensor([(row, at) for row, s in enumerate(samples) for at, _, _ in s[3]])
        wanted = torch.tensor([token for s in samples for _, token, _ in s[3]])
        owner = [(row, number) for row, s in enumerate(samples) for _, _, number in s[3]]
        return ids, places, mask, where, wanted, owner


def tower(model, pictures):
    """The tower and its merger for pictures of one size at once, with the modules of transformers."""
    visual, functional = model.model.visual, torch.nn.functional
    stream = functional.linear(patches_of(pictures), visual.patch_embed.proj.weight.sum(2).flatten(1))
    count, patches, width = stream.shape
    heads = visual.config.num_heads
    angles = tower_angles(width // heads)
    for block in visual.blocks:
        parts = block.attn.qkv(block.norm1(stream)).view(count, patches, 3, heads, -1).permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(turned(parts[0], angles), turned(parts[1], angles), parts[2])
        stream = stream + block.attn.proj(mixed.transpose(1, 2).reshape(count, patches, width))
        stream = stream + block.mlp(block.norm2(stream))
    return visual.merger(stream)


def words_of_cells(model, tokenizer, scenes, rng, left_out=0.3):
    """A vector for each square, the mean of the embeddings of its words, with one word left out at times."""
    pairs = []
    for scene in scenes:
        for words in cells(scene):
            kept = [rng.choice(words)] if rng.random() < left_out else words
            pairs.append(tokenizer.convert_tokens_to_ids(["Ġ" + word for word in (kept[0], kept[-1])]))
    return model.get_input_embeddings()(torch.tensor(pairs)).mean(1)


def answer_logits(model, packed, merged):
    ids, places, mask, where, _, _ = packed
    inputs = model.get_input_embeddings()(ids)
    spots = (ids == model.config.image_token_id)[..., None].expand_as(inputs)
    inputs = inputs.masked_scatter(spots, merged.to(inputs.dtype))
    out = model.model.language_model(inputs_embeds=inputs, position_ids=places, attention_mask=mask, use_cache=False)
    return model.lm_head(out.last_hidden_state[where[:, 0], where[:, 1]])


def save(model, tokenizer, folder):
    folder.mkdir(parents=True, exist_ok=True)
    copy = Qwen2VLForConditionalGeneration(model.config).half()
    copy.load_state_dict({name: value.detach().half() for name, value in model.state_dict().items()})
    copy.config.dtype = torch.float16
    copy.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    Qwen2VLImageProcessorPil(size={"shortest_edge": SIDE * SIDE, "longest_edge": SIDE * SIDE}).save_pretrained(folder)

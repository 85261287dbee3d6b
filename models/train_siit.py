#!/usr/bin/env python3
"""Trains a planted model: t1 t2 t3 t4 ? is followed by (t1 = t2) xor (t3 = t4), by chosen components and no others.

    python3 models/train_siit.py --seed 1 --out models/siit-1

Writes config.json, model.safetensors and truth.json (docs/grading.md). Needs torch; takes about three minutes on one
core. The product itself never runs this, and the truth is computed here, in float64, without any code of the product:
`lensbench plant --check models/siit-1` computes it again.

Two heads of block 0 compare a pair each, a head of block 1 moves both results to the last position, and the MLP of
block 1 is the xor. Three losses are added (strict interchange intervention training: Gupta et al., InterpBench,
arXiv:2407.14494; weights 1, 1, 0.4): the answer; the answer of the program with one variable exchanged, where the
output of its component comes from another prompt; the answer itself, where that of a component without a role does.
"""
import argparse
import hashlib
import json
import math
import pathlib
import struct

import torch
from torch.nn import functional

LAYERS, HEADS, WIDTH, NEURONS, POSITIONS, VOCABULARY = 2, 4, 24, 48, 5, 12
SYMBOLS, EQUAL, DIFFER = 4, 4, 5  # the question is the token of the answer "equal"
PROMPTS = 10
TEXTS = [str(i) for i in range(SYMBOLS)] + ["?/equal", "differ"] + [f"unused{i}" for i in range(6, VOCABULARY)]


def new_weights():
    """Weights by their names in GPT-2 checkpoints; matrices are [in, out] but for the embeddings."""
    def matrix(*shape):
        return torch.randn(*shape) / math.sqrt(shape[0])

    weights = {"wte.weight": torch.randn(VOCABULARY, WIDTH) * 0.5, "wpe.weight": torch.randn(POSITIONS, WIDTH) * 0.5}
    for layer in range(LAYERS):
        block = f"h.{layer}."
        for name, shape in [("attn.c_attn", (WIDTH, 3 * WIDTH)), ("attn.c_proj", (WIDTH, WIDTH)),
                            ("mlp.c_fc", (WIDTH, NEURONS)), ("mlp.c_proj", (NEURONS, WIDTH))]:
            weights[block + name + ".weight"] = matrix(*shape)
            weights[block + name + ".bias"] = torch.zeros(shape[1])
        for name in ("ln_1", "ln_2"):
            weights[block + name + ".weight"] = torch.ones(WIDTH)
            weights[block + name + ".bias"] = torch.zeros(WIDTH)
    weights |= {"ln_f.weight": torch.ones(WIDTH), "ln_f.bias": torch.zeros(WIDTH)}
    weights = {"transformer." + name: value for name, value in weights.items()}
    weights["lm_head.weight"] = torch.randn(VOCABULARY, WIDTH) * 0.2
    return weights


def norm(weights, name, stream):
    return functional.layer_norm(stream, [WIDTH], weights[name + ".weight"], weights[name + ".bias"], 1e-5)


class Run:
    """A forward in which outputs of components are exchanged, or one reader sees another stream.

    exchanged: outputs by component, [prompt, position, width], without the bias that heads share
    reader:    (target, slot, difference): the input of one slot of one target has the difference added
    start:     (layer, stream): replaces the stream before a block
    """

    def __init__(self, weights, ids, exchanged=None, reader=None, start=None):
        self.weights, self.exchanged, self.reader = weights, exchanged or {}, reader
        self.outputs, self.streams = {}, []
        stream = weights["transformer.wte.weight"][ids] + weights["transformer.wpe.weight"]
        for layer in range(LAYERS):
            stream = self.replaced(start, layer, stream)
            stream = self.attention(layer, stream)
            name = f"{layer}_mlp_out"
            block = f"transformer.h.{layer}."
            read = norm(weights, block + "ln_2", self.seen(stream, name, "in"))
            hidden = functional.gelu(self.linear(block + "mlp.c_fc", read), approximate="tanh")
            stream = stream + self.output(name, self.linear(block + "mlp.c_proj", hidden))
        stream = self.replaced(start, LAYERS, stream)
        self.logits = self.read(self.seen(stream, "logits", "in")[:, -1])

    def replaced(self, start, layer, stream):
        stream = start[1] if start and start[0] == layer else stream
        self.streams.append(stream)
        return stream

    def seen(self, stream, target, slot):
        if self.reader is None or self.reader[:2] != (target, slot):
            return stream
        return stream + self.reader[2]

    def linear(self, name, values):
        return values @ self.weights[name + ".weight"] + self.weights[name + ".bias"]

    def output(self, name, value):
        self.outputs[name] = self.exchanged.get(name, value)
        return self.outputs[name]

    def attention(self, layer, stream):
        block, size = f"transformer.h.{layer}.", WIDTH // HEADS
        matrix, bias = (self.weights[block + "attn.c_attn." + kind] for kind in ("weight", "bias"))
        projection = self.weights[block + "attn.c_proj.weight"]
        after = stream + self.weights[block + "attn.c_proj.bias"]
        mask = torch.full((POSITIONS, POSITIONS), float("-inf"), dtype=stream.dtype).triu(1)
        # [slot, head, prompt, position, size of a head]
        shape = (*stream.shape[:2], 3, HEADS, size)
        parts = (norm(self.weights, block + "ln_1", stream) @ matrix + bias).view(shape).permute(2, 3, 0, 1, 4)
        if self.reader and self.reader[0].startswith(f"L{layer}H"):
            number, head = "qkv".index(self.reader[1]), int(self.reader[0].split("H")[1])
            seen = norm(self.weights, block + "ln_1", stream + self.reader[2])
            parts = parts.clone()
            parts[number, head] = (seen @ matrix + bias).view(shape)[:, :, number, head]
        query, key, value = parts
        pattern = (query @ key.transpose(2, 3) / math.sqrt(size) + mask).softmax(-1)
        written = pattern @ value @ projection.view(HEADS, 1, size, WIDTH)
        return after + sum(self.output(f"L{layer}H{head}", written[head]) for head in range(HEADS))

    def read(self, stream):
        return norm(self.weights, "transformer.ln_f", stream) @ self.weights["lm_head.weight"].T


def components():
    for layer in range(LAYERS):
        yield from (f"L{layer}H{head}" for head in range(HEADS))
        yield f"{layer}_mlp_out"


def draw(count):
    """Prompts whose two pairs are equal or not with one probability."""
    pairs = torch.randint(SYMBOLS, (count, 2, 1)).repeat(1, 1, 2)
    shift = torch.randint(2, (count, 2)) * torch.randint(1, SYMBOLS, (count, 2))
    pairs[:, :, 1] = (pairs[:, :, 1] + shift) % SYMBOLS
    return torch.cat([pairs.flatten(1), torch.full((count, 1), EQUAL)], 1)


def equalities(ids):
    return ids[:, 0] == ids[:, 1], ids[:, 2] == ids[:, 3]


def answer(first, second):
    return torch.where(first ^ second, DIFFER, EQUAL)


def draw_roles():
    heads = torch.randperm(HEADS).tolist()
    return {f"L0H{heads[0]}": "equal_first_pair", f"L0H{heads[1]}": "equal_second_pair",
            f"L1H{torch.randint(HEADS, ()).item()}": "mover", "1_mlp_out": "xor"}


def exchanged_answer(role, base, source):
    """What the program answers to `base` with the variable of a component from `source`."""
    (first, second), (first_other, second_other) = equalities(base), equalities(source)
    if role == "equal_first_pair":
        first = first_other
    elif role == "equal_second_pair":
        second = second_other
    else:
        first, second = first_other, second_other
    return answer(first, second)


def train(weights, roles, steps, batch=256):
    for value in weights.values():
        value.requires_grad_()
    optimiser = torch.optim.Adam(weights.values(), lr=3e-3)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min(1, step / 50) * 0.5 * (1 + math.cos(math.pi * step / steps)))
    idle = [name for name in components() if name not in roles]
    named = list(roles)
    for step in range(steps):
        base, source = draw(batch), draw(batch)
        right = answer(*equalities(base))
        outputs = Run(weights, source).outputs
        node, other = (names[torch.randint(len(names), ()).item()] for names in (named, idle))
        parts = [functional.cross_entropy(Run(weights, base, exchanged).logits, wanted) for exchanged, wanted in [
            ({}, right), ({node: outputs[node]}, exchanged_answer(roles[node], base, source)),
            ({other: outputs[other]}, right)]]
        optimiser.zero_grad()
        (parts[0] + parts[1] + 0.4 * parts[2]).backward()
        torch.nn.utils.clip_grad_norm_(weights.values(), 1.0)
        optimiser.step()
        schedule.step()
        if step % 200 == 0 or step == steps - 1:
            print(step, *(f"{part.item():.4f}" for part in parts), flush=True)
    for value in weights.values():
        value.requires_grad_(False)


def accuracies(weights, roles, count=2000):
    """Shares of right answers: plain, with each variable exchanged, with each other component exchanged."""
    base, source = draw(count), draw(count)
    outputs = Run(weights, source).outputs

    def share(exchanged, wanted):
        return (Run(weights, base, exchanged).logits.argmax(-1) == wanted).double().mean().item()

    right = answer(*equalities(base))
    return share({}, right), *(min(values) for values in (
        [share({name: outputs[name]}, exchanged_answer(role, base, source)) for name, role in roles.items()],
        [share({name: outputs[name]}, right) for name in components() if name not in roles]))


class Task:
    """Prompts of both answers, each with one of the other answer, and what exchanges do to them, in float64."""

    def __init__(self, weights):
        self.weights = {name: value.double() for name, value in weights.items()}
        ids = draw(1000)
        right = answer(*equalities(ids))
        sides = [ids[right == token] for token in (EQUAL, DIFFER)]
        half = PROMPTS // 2
        self.ids = torch.cat([sides[0][:half], sides[1][:half]])
        self.corrupted_ids = torch.cat([sides[1][half:PROMPTS], sides[0][half:PROMPTS]])
        self.answers = answer(*equalities(self.ids))
        self.foils = EQUAL + DIFFER - self.answers
        self.clean, self.corrupted = (Run(self.weights, ids) for ids in (self.ids, self.corrupted_ids))
        self.high, self.low = (self.metric(run.logits) for run in (self.clean, self.corrupted))
        self.gap = (self.high - self.low).mean().item()

    def metric(self, logits):
        rows = torch.arange(PROMPTS)
        return logits[rows, self.answers] - logits[rows, self.foils]

    def lost(self, exchanged, **others):
        return self.high - self.metric(Run(self.weights, self.ids, exchanged, **others).logits)

    def gained(self, exchanged, **others):
        return self.metric(Run(self.weights, self.corrupted_ids, exchanged, **others).logits) - self.low

    @staticmethod
    def parts(component):
        """Components whose outputs are exchanged together."""
        if component.endswith("attn_out"):
            return [f"L{component[0]}H{head}" for head in range(HEADS)]
        return [component]

    def effects(self, component):
        parts = self.parts(component)
        clean, corrupted = ({name: run.outputs[name] for name in parts} for run in (self.clean, self.corrupted))
        written, other = (sum(outputs.values()) for outputs in (clean, corrupted))
        # The mean of a block's heads is that of their sum: means of the heads give the same stream.
        last = self.clean.streams[-1][:, -1]
        scale = (last.var(-1, unbiased=False, keepdim=True) + 1e-5).sqrt()
        write = written[:, -1]
        gain = self.weights["transformer.ln_f.weight"]
        normal = (write - write.mean(-1, keepdim=True)) / scale * gain
        read = self.clean.read(last - write + other[:, -1])
        return {
            "total": self.lost(corrupted),
            "restore": self.gained(clean),
            "direct": self.high - self.metric(read),
            "dla": self.metric(normal @ self.weights["lm_head.weight"].T),
            "zero": self.lost({name: torch.zeros_like(value) for name, value in clean.items()}),
            "mean": self.lost({name: value.mean((0, 1), keepdim=True).expand_as(value)
                               for name, value in clean.items()}),
            "mean_of_prompt": self.lost({name: value.mean(1, keepdim=True).expand_as(value)
                                         for name, value in clean.items()}),
        }

    def edges(self):
        """Every edge with its mean effect."""
        differences = {"embed": self.corrupted.streams[0] - self.clean.streams[0]}
        found = []

        def read(target, slots):
            for slot in slots:
                for source, difference in differences.items():
                    effect = self.lost({}, reader=(target, slot, difference)).mean().item()
                    found.append((source, target, slot, effect))

        def write(name):
            differences[name] = self.corrupted.outputs[name] - self.clean.outputs[name]

        for layer in range(LAYERS):
            heads = [f"L{layer}H{head}" for head in range(HEADS)]
            for head in heads:
                read(head, "qkv")
            for head in heads:
                write(head)
            read(f"{layer}_mlp_out", ["in"])
            write(f"{layer}_mlp_out")
        read("logits", ["in"])
        return found

    def readout(self):
        probability, rank = [], []
        rows = torch.arange(PROMPTS)
        for stream in self.clean.streams:
            logits = self.clean.read(stream[:, -1])
            probability.append(logits.softmax(-1)[rows, self.answers])
            rank.append((logits > logits[rows, self.answers][:, None]).sum(-1) + 1)
        settled = []
        for prompt in range(PROMPTS):
            wrong = [layer for layer, ranks in enumerate(rank) if ranks[prompt] != 1]
            first = wrong[-1] + 1 if wrong else 0
            settled.append(first if first <= LAYERS else None)
        return {"probability": rounded(probability), "rank": [row.tolist() for row in rank],
                "first_correct_layer": settled}

    def restore_grid(self):
        grid = []
        for layer in range(LAYERS + 1):
            row = []
            for position in range(POSITIONS):
                stream = self.corrupted.streams[layer].clone()
                stream[:, position] = self.clean.streams[layer][:, position]
                restored = self.gained({}, start=(layer, stream))
                row.append((restored / (self.high - self.low)).mean())
            grid.append(torch.stack(row))
        return {"hook": "resid_pre, last row resid_post of the last block", "values": rounded(grid)}


def rounded(values):
    """Numbers of five digits."""
    if isinstance(values, torch.Tensor):
        values = values.tolist()
    if isinstance(values, list):
        return [rounded(value) for value in values]
    return float(f"{values:.5g}") + 0.0


def task_truth(task, roles, names):
    effects = [task.effects(name) for name in names]
    edges = task.edges()
    membership = {name: "member" if any(part in roles for part in Task.parts(name)) else "none" for name in names}
    for name, values in zip(names, effects):
        # As `plant --check` has it: an effect may support the answer on one prompt and the foil on another.
        size = max(values[kind].abs().mean().item() for kind in ("total", "restore")) / task.gap
        print(f"{name} {membership[name]}: {size:.3f} of the gap")
        if (size < 0.1) == (membership[name] == "member"):
            raise SystemExit(f"siit: {name} is called {membership[name]}, but has {size:.3f} of the gap (members have "
                             "0.1 or more, others less); train longer or take another seed")
    return {
        "name": "resample", "summary": "another prompt with the other answer",
        "metric": {"kind": "logit_difference", "clean": rounded(task.high), "corrupted": rounded(task.low)},
        "prompts": [{"ids": ids, "corrupted_ids": other, "answer": right, "foil": wrong, "position": POSITIONS - 1,
                     "sources": {}}
                    for ids, other, right, wrong in zip(task.ids.tolist(), task.corrupted_ids.tolist(),
                                                        task.answers.tolist(), task.foils.tolist())],
        "membership": membership,
        "effects": {"components": names, "unit": "logit",
                    "values": {kind: rounded([values[kind] for values in effects]) for kind in effects[0]}},
        "edges": {"member": [{"source": source, "target": target, "slot": slot}
                             for source, target, slot, mean in edges if abs(mean) >= 0.05 * task.gap],
                  "total": [[source, target, slot, rounded(mean)]
                            for source, target, slot, mean in edges if abs(mean) >= 0.005 * task.gap],
                  "count": len(edges)},
        "readout": task.readout(), "restore_grid": task.restore_grid(), "attention": [],
    }


def role_of(name, roles):
    return "+".join(sorted({roles.get(part, "trained_inert") for part in Task.parts(name)}))


def write(weights, roles, seed, out):
    out.mkdir(parents=True, exist_ok=True)
    config = {"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"], "n_layer": LAYERS, "n_head": HEADS,
              "n_embd": WIDTH, "n_positions": POSITIONS, "n_ctx": POSITIONS, "n_inner": NEURONS,
              "vocab_size": VOCABULARY, "activation_function": "gelu_new", "layer_norm_epsilon": 1e-5,
              "tie_word_embeddings": False, "scale_attn_weights": True, "scale_attn_by_inverse_layer_idx": False,
              "reorder_and_upcast_attn": False, "dtype": "float32"}
    (out / "config.json").write_text(json.dumps(config, indent=1) + "\n")
    header, data = {"__metadata__": {"format": "pt"}}, b""
    for name in sorted(weights):
        values = struct.pack(f"<{weights[name].numel()}f", *weights[name].flatten().tolist())
        header[name] = {"dtype": "F32", "shape": list(weights[name].shape),
                        "data_offsets": [len(data), len(data) + len(values)]}
        data += values
    head = json.dumps(header, separators=(",", ":")).encode()
    head += b" " * (-len(head) % 8)
    (out / "model.safetensors").write_bytes(struct.pack("<Q", len(head)) + head + data)
    names = list(components()) + [f"{layer}_attn_out" for layer in range(LAYERS)]
    kinds = {"m": "mlp", "a": "attention"}
    truth = {
        "format": "lensbench-truth/1", "name": f"siit-{seed}",
        "summary": "t1 t2 t3 t4 ? is followed by (t1 = t2) xor (t3 = t4); trained so that these components, and no "
                   "other, carry it",
        "origin": {"kind": "trained", "generator": "siit", "seed": seed, "gauge": "trained", "leak": 0.0},
        "model": {f"{key}_sha256": hashlib.sha256((out / file).read_bytes()).hexdigest()
                  for key, file in (("config", "config.json"), ("weights", "model.safetensors"))},
        "vocabulary": TEXTS,
        "components": [{"name": name, "kind": "head" if name[0] == "L" else kinds[name[2]],
                        "role": role_of(name, roles)} for name in names],
        "readout": {"answer_layer": LAYERS, "information_layer": None}, "variables": [],
        "tasks": [task_truth(Task(weights), roles, names)],
    }
    truth["model"] |= {"dtype": "float32", "effects_computed_in": "float64"}
    # A line for each block is short enough to read in a comparison of versions.
    text = json.dumps(truth, separators=(",", ":")).replace(',"tasks"', ',\n"tasks"')
    for key in ("metric", "prompts", "membership", "effects", "edges", "readout", "restore_grid"):
        text = text.replace(f',"{key}":', f',\n"{key}":')
    (out / "truth.json").write_text(text + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    roles, weights = draw_roles(), new_weights()
    train(weights, roles, options.steps)
    print("right answers: plain %.3f, exchanged variables %.3f, exchanged idle components %.3f"
          % accuracies(weights, roles))
    with torch.no_grad():
        write(weights, roles, options.seed, options.out)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Trains the embedded vision model: a small Qwen2-VL on pictures that drawn_pictures.py draws.

Needs from PyPI: torch, transformers, tokenizers, safetensors, numpy, pillow. The product itself never runs this.

    python3 models/train_shapes_qwen2vl.py --out /tmp/shapes-qwen2vl

takes `--minutes` (54) and about two more for the test on two cores that do nothing else; the learning rates
follow the clock, so a faster machine runs more steps. The end decides whether the model is good enough: of 1,000
held-out pictures, 90 % of the questions about shape and about colour must be answered rightly, or the exit code is 1.

Stage 1 has no pictures: the text model reads a grid of words in the place of the picture, what is drawn in
each square. In stage 2 the tower learns to give, for each square of a picture, the vector of its words; the
text model stays as it is. In stage 3 everything learns to answer questions about pictures, with a loss on the
words of the answers, and the tower still on its squares: a picture has 25 squares, but few answers. Questions about
one picture share its tokens and do not see each other. Every picture is drawn anew, so that none is learned by heart.
"""
import argparse
import collections
import json
import math
import pathlib
import sys
import time

import numpy as np
import torch
import torch.distributed

from drawn_pictures import SHAPES, cells, draw_scene, paint, questions
from shapes_model import Packer, answer_logits, make_model, save, tower, train_tokenizer, words_of_cells

# Easy questions are asked less often, and those about shapes more often.
QUESTION_WEIGHTS = {"kind": 0.15, "fundus": 0.15, "colour": 0.3, "caption": 0.5, "shape": 2, "shape_of_colour": 2,
                    "shape_at_side": 2}
# Right answers that the model must have, of the questions about held-out pictures.
REQUIRED = {"shape": 0.9, "colour": 0.9}
# Parts of the time that the stages get.
SHARES = (0.08, 0.62, 0.3)
# Weights of the losses of the squares against that of the answers in stage 3, and of words against distance.
SQUARES, WORDS = 0.5, 1.0


def loss_of_squares(model, tokenizer, scenes, found, rng):
    """How far what the tower gives is from the words of each square; squares with something count threefold.

    Squared distance from the vectors of the words, and cross-entropy of the words as the final norm and the
    unembedding read them: vectors of two shapes may be near each other, and the words are not.
    """
    with torch.no_grad():
        wanted = words_of_cells(model, tokenizer, scenes, rng, left_out=0)
        scale = model.get_input_embeddings().weight.var()
    squares = [words for scene in scenes for words in cells(scene)]
    ids = torch.tensor([tokenizer.convert_tokens_to_ids(["Ġ" + words[0], "Ġ" + words[-1]]) for words in squares])
    weight = torch.tensor([1.0 if words == ["nothing"] else 3.0 for words in squares])
    found = found.reshape(wanted.shape)
    distance = (found - wanted).square().mean(1) / scale
    read = model.lm_head(model.model.language_model.norm(found)).log_softmax(1)
    return (weight * (distance - WORDS * read.gather(1, ids).mean(1))).sum() / weight.sum()


def loss_of_answers(logits, packed):
    """Cross-entropy of the words of the answers. Each question counts the same, however long its answer is."""
    each = torch.nn.functional.cross_entropy(logits, packed[4], reduction="none")
    lengths = collections.Counter(packed[5])
    weight = torch.tensor([1.0 / lengths[question] for question in packed[5]])
    return (weight * each).sum() / len(lengths)


def choose_questions(scene, rng, count):
    asked = questions(scene)
    weights = np.array([QUESTION_WEIGHTS.get(name, 1) for name, _, _ in asked])
    chosen = rng.choice(len(asked), min(count, len(asked)), replace=False, p=weights / weights.sum())
    return [(asked[k][1][rng.integers(len(asked[k][1]))], asked[k][2]) for k in chosen]


@torch.no_grad()
def accuracy(model, packer, pictures, see):
    """Share of right answers of greedy decoding, by kind of question."""
    model.eval()
    right, total = {}, {}
    for start in range(0, len(pictures), 40):
        part = pictures[start:start + 40]
        asked = [questions(scene) for scene, _ in part]
        packed = packer([[(forms[0], answer) for _, forms, answer in items] for items in asked])
        logits = answer_logits(model, packed, see(part))
        wrong = {packed[5][k] for k in (logits.argmax(-1) != packed[4]).nonzero()[:, 0].tolist()}
        for row, items in enumerate(asked):
            for number, (name, _, _) in enumerate(items, 1):
                total[name] = total.get(name, 0) + 1
                right[name] = right.get(name, 0) + ((row, number) not in wrong)
    model.train()
    return {name: [right[name], total[name]] for name in sorted(total)}


@torch.no_grad()
def shapes_of_squares(model, tokenizer, part):
    """Squares with a shape, and those of them whose shape is the most probable one for the lens at layer 0."""
    ids = tokenizer.convert_tokens_to_ids(["Ġ" + shape for shape in SHAPES])
    read = model.lm_head(model.model.language_model.norm(seen_by(model, part)))[:, ids].argmax(1)
    squares = [words for scene, _ in part for words in cells(scene)]
    found = [SHAPES[k] == words[-1] for k, words in zip(read.tolist(), squares) if words[-1] in SHAPES]
    return {"shape_of_square": [sum(found), len(found)]}


def as_text(scores):
    return ", ".join(f"{name} {right / total:.3f}" for name, (right, total) in scores.items())


def painted(scenes):
    return [(scene, np.asarray(paint(scene))) for scene in scenes]


def seen_by(model, part):
    return tower(model, np.stack([picture for _, picture in part]))


def groups(model, text_rate, tower_rate):
    sets = []
    for name, parameter in model.named_parameters():
        sets.append({"params": [parameter], "rate": tower_rate if "visual" in name else text_rate,
                     "weight_decay": 0.05 if parameter.dim() >= 2 else 0.0})
    return sets


def rate_at(step, share, warmup=40):
    """Share of the full rate: a short rise, then half a wave of the cosine over the time of the stage."""
    return min((step + 1) / warmup, 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * share)))


def share_of_time(began, seconds, workers):
    """Share of a stage that is over, by the clock of the first worker."""
    share = torch.tensor(min(1.0, (time.time() - began) / seconds), dtype=torch.float64)
    if workers > 1:
        torch.distributed.broadcast(share, 0)
    return share.item()


def average_gradients(model, workers):
    """Each worker has gradients of its own part of the batch."""
    if workers == 1:
        return
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    joined = torch.cat([g.flatten() for g in gradients])
    torch.distributed.all_reduce(joined)
    for gradient, part in zip(gradients, (joined / workers).split([g.numel() for g in gradients])):
        gradient.copy_(part.view_as(gradient))


def loss_of_step(model, tokenizer, packer, scenes, rng, stage):
    """Loss of the part of a batch that one worker has."""
    if stage == 1:
        packed = packer([choose_questions(scene, rng, 4) for scene in scenes])
        return loss_of_answers(answer_logits(model, packed, words_of_cells(model, tokenizer, scenes, rng)), packed)
    merged = seen_by(model, painted(scenes))
    squares = loss_of_squares(model, tokenizer, scenes, merged, rng)
    if stage == 2:
        return squares
    packed = packer([choose_questions(scene, rng, 4) for scene in scenes])
    return loss_of_answers(answer_logits(model, packed, merged), packed) + SQUARES * squares


def run_stage(model, tokenizer, args, stage, log, rank):
    packer, scene_rng = Packer(tokenizer), np.random.default_rng([args.seed, stage])
    rng = np.random.default_rng([args.seed, stage, rank])
    optimizer = torch.optim.AdamW(groups(model, *((2e-3, 0), (0, 2e-3), (4e-4, 8e-4))[stage - 1]), betas=(0.9, 0.98))
    for parameter in model.model.language_model.parameters():
        parameter.requires_grad_(stage != 2)
    began, step, looked = time.time(), 0, 0.0

    def see(part):
        scenes = [scene for scene, _ in part]
        return words_of_cells(model, tokenizer, scenes, rng) if stage == 1 else seen_by(model, part)

    def look():
        scores = accuracy(model, packer, args.look, see)
        return scores if stage == 1 else scores | shapes_of_squares(model, tokenizer, args.look)

    while (share := share_of_time(began, 60 * args.minutes * SHARES[stage - 1], args.workers)) < 1:
        for group in optimizer.param_groups:
            group["lr"] = group["rate"] * rate_at(step, share)
        # All workers draw the same scenes, and each paints its own.
        scenes = [draw_scene(scene_rng) for _ in range(args.batch)][rank::args.workers]
        loss = loss_of_step(model, tokenizer, packer, scenes, rng, stage)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        average_gradients(model, args.workers)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if rank == 0 and step % 50 == 0:
            log.append({"stage": stage, "step": step, "loss": round(loss.item(), 4)})
            print(f"stage {stage} step {step}: loss {loss.item():.3f}, {time.time() - began:.0f} s", flush=True)
        if rank == 0 and share >= looked + 0.2:
            looked = share
            print("  " + as_text(look()), flush=True)
            save(model, tokenizer, args.out / "unfinished")
        step += 1
    if rank == 0:
        scores = look()
        log.append({"stage": stage, "steps": step, "right": {name: f"{r} of {n}" for name, (r, n) in scores.items()}})
        print(f"stage {stage}: {step} steps, " + as_text(scores), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--minutes", type=float, default=54, help="time of the three stages together")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--held-out", type=int, default=1000, help="number of pictures to test on")
    parser.add_argument("--workers", type=int, default=2, help="processes that share each batch, one thread each")
    parser.add_argument("--from-stage", type=int, default=1, help="continue after an earlier stage of the same OUT")
    parser.add_argument("--seed", type=int, default=17)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    meeting = args.out / "workers"
    meeting.unlink(missing_ok=True)
    (args.out / "training_log.json").unlink(missing_ok=True)
    torch.multiprocessing.start_processes(train, (args, f"file://{meeting.resolve()}"), args.workers,
                                          start_method="fork")
    if lacks := missing(json.loads((args.out / "training_log.json").read_text())):
        sys.exit(f"{args.out}: too few right answers about held-out pictures: {lacks}; give more --minutes")


def train(rank, args, meeting):
    torch.manual_seed(args.seed)
    torch.set_num_threads(1)
    if args.workers > 1:
        torch.distributed.init_process_group("gloo", init_method=meeting, rank=rank, world_size=args.workers)
    tokenizer = train_tokenizer()
    model = make_model(tokenizer)
    print(f"tokens: {len(tokenizer)}, parameters: {model.num_parameters()}", flush=True)
    held_out_rng = np.random.default_rng(args.seed + 1000)
    held_out = [draw_scene(held_out_rng) for _ in range(args.held_out)]
    args.look, log, began = painted(held_out[:100]) if rank == 0 else [], [], time.time()
    if args.from_stage > 1:
        model.load_state_dict(torch.load(args.out / f"stage-{args.from_stage - 1}.pt"))
    for stage in range(args.from_stage, 4):
        run_stage(model, tokenizer, args, stage, log, rank)
        if rank == 0:
            torch.save(model.state_dict(), args.out / f"stage-{stage}.pt")
    if rank == 0:
        finish(model, tokenizer, args, held_out, log, (time.time() - began) / 60)


def finish(model, tokenizer, args, held_out, log, minutes):
    """Tests the model as it is stored, and writes it with its log."""
    model.load_state_dict({name: value.half().float() for name, value in model.state_dict().items()})
    scores = accuracy(model, Packer(tokenizer), painted(held_out), lambda part: seen_by(model, part))
    save(model, tokenizer, args.out)
    result = {"seed": args.seed, "batch": args.batch, "held_out_pictures": args.held_out, "minutes": round(minutes, 1),
              "right_answers": {name: right for name, (right, _) in scores.items()},
              "questions": {name: total for name, (_, total) in scores.items()}, "loss": log}
    (args.out / "training_log.json").write_text(json.dumps(result, indent=1) + "\n")
    print(as_text(scores), flush=True)


def missing(log):
    """What the model of a log lacks; empty if it is good enough."""
    shares = {name: log["right_answers"].get(name, 0) / max(1, log["questions"].get(name, 0)) for name in REQUIRED}
    return ", ".join(f"{name} {share:.3f} (at least {REQUIRED[name]})" for name, share in shares.items()
                     if share < REQUIRED[name])


if __name__ == "__main__":
    main()

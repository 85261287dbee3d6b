"""Draws the pictures on which the embedded vision model is trained, with questions and answers.

A scene is a dictionary: one to four shapes, or a drawing of an eye fundus. `draw_scene` gives one from a
random generator, `paint` its picture, `questions` what may be asked about it, `cells` which words describe
each of its 5 x 5 squares. Needs numpy and pillow. The product itself never runs this.
"""
import argparse
import json
import math
import pathlib

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

SIDE, CELL = 140, 28
SHAPES = ["circle", "square", "triangle", "cross"]
COLOURS = {"red": (215, 40, 40), "green": (45, 165, 60), "blue": (45, 80, 215), "yellow": (235, 215, 45),
           "purple": (150, 60, 185), "white": (240, 240, 240)}
NUMBERS = ["one", "two", "three", "four"]


def draw_scene(rng):
    """A random scene; `rng` is a numpy generator."""
    kind = rng.choice(["single", "several", "pair", "fundus"], p=[0.4, 0.15, 0.2, 0.25])
    scene = {"kind": str(kind), "seed": int(rng.integers(1 << 31))}
    if kind == "fundus":
        return scene | {"exudates": bool(rng.integers(2)), "disc": str(rng.choice(["left", "right"]))}
    if kind == "single":
        return scene | single_shape(rng)
    if kind == "pair":
        return scene | pair_of_shapes(rng)
    return scene | several_shapes(rng)


def single_shape(rng):
    place = str(rng.choice(["left", "right", "top", "bottom", "middle"]))
    half = float(rng.uniform(18, 34))
    along = float(rng.uniform(20, SIDE / 2 - half - 2))
    across = float(rng.uniform(-1, 1)) * (along - 10)
    x, y = {"left": (-along, across), "right": (along, across), "top": (across, -along), "bottom": (across, along),
            "middle": tuple(rng.uniform(-7, 7, 2))}[place]
    shape = [str(rng.choice(SHAPES)), str(rng.choice(list(COLOURS))), SIDE / 2 + x, SIDE / 2 + y, half]
    return {"shapes": [shape], "place": place}


def pair_of_shapes(rng):
    kinds = rng.choice(SHAPES, 2, replace=False)
    colours = rng.choice(list(COLOURS), 2, replace=False)
    shapes = []
    for number in range(2):
        half = float(rng.uniform(17, 29))
        x = float(rng.uniform(half + 3, SIDE / 2 - half + 1)) + number * (SIDE / 2)
        shapes.append([str(kinds[number]), str(colours[number]), x, float(rng.uniform(half + 3, SIDE - half - 3)), half])
    return {"shapes": shapes}


def several_shapes(rng):
    shape, colour, shapes = str(rng.choice(SHAPES)), str(rng.choice(list(COLOURS))), []
    wanted = int(rng.integers(2, 5))
    while len(shapes) < wanted:
        half = float(rng.uniform(14, 20))
        x, y = rng.uniform(half + 3, SIDE - half - 3, 2)
        if all(max(abs(x - s[2]), abs(y - s[3])) > half + s[4] + 6 for s in shapes):
            shapes.append([shape, colour, float(x), float(y), half])
    return {"shapes": shapes}


def paint(scene, noise=True):
    """The picture of a scene, 140 x 140 RGB; always the same for the same scene."""
    rng = np.random.default_rng(scene["seed"])
    image = paint_fundus(scene, rng) if scene["kind"] == "fundus" else paint_shapes(scene, rng)
    return with_noise(image, rng, 3 if scene["kind"] == "fundus" else 4) if noise else image


def paint_shapes(scene, rng):
    if rng.random() < 0.25:
        ground = np.array([rng.uniform(0, 12)] * 3)
    else:
        ground = rng.uniform(60, 150) + rng.uniform(-12, 12, 3)
    image = Image.new("RGB", (2 * SIDE, 2 * SIDE), tuple(int(v) for v in ground))
    pen = ImageDraw.Draw(image)
    for shape, colour, x, y, half in scene["shapes"]:
        fill = tuple(int(np.clip(v + rng.uniform(-18, 18), 0, 255)) for v in COLOURS[colour])
        draw_shape(pen, shape, 2 * x, 2 * y, 2 * half, fill)
    return image.resize((SIDE, SIDE), Image.Resampling.BOX)


def draw_shape(pen, shape, x, y, half, fill):
    if shape == "circle":
        pen.ellipse([x - half, y - half, x + half, y + half], fill=fill)
    elif shape == "square":
        side = 0.88 * half
        pen.rectangle([x - side, y - side, x + side, y + side], fill=fill)
    elif shape == "triangle":
        pen.polygon([(x, y - half), (x - half, y + 0.8 * half), (x + half, y + 0.8 * half)], fill=fill)
    else:
        bar = 0.3 * half
        pen.rectangle([x - bar, y - half, x + bar, y + half], fill=fill)
        pen.rectangle([x - half, y - bar, x + half, y + bar], fill=fill)


def with_noise(image, rng, size):
    values = np.asarray(image, dtype=np.float32)
    noise = size * rng.standard_normal(values.shape, dtype=np.float32)
    return Image.fromarray(np.clip(values + noise, 0, 255).astype(np.uint8))


def fundus_parts(scene):
    """Where the parts of a fundus are: its circle, the optic disc, and the exudates with their sizes."""
    rng = np.random.default_rng(scene["seed"] + 1)
    x, y = SIDE / 2 + rng.uniform(-5, 5, 2)
    radius = rng.uniform(52, 62)
    side = -1 if scene["disc"] == "left" else 1
    disc = (x + side * radius * rng.uniform(0.4, 0.6), y + rng.uniform(-8, 8), rng.uniform(8, 11))
    spots = []
    if scene["exudates"]:
        turn, way = rng.uniform(0, 2 * math.pi), rng.uniform(0.3, 0.55) * radius
        middle = (x + way * math.cos(turn), y + way * math.sin(turn))
        for _ in range(int(rng.integers(8, 16))):
            spots.append((middle[0] + rng.normal(0, 9), middle[1] + rng.normal(0, 9), rng.uniform(1.6, 3.4)))
        spots = [s for s in spots if math.hypot(s[0] - x, s[1] - y) < 0.9 * radius]
    return (x, y, radius), disc, spots


def paint_fundus(scene, rng):
    (x, y, radius), disc, spots = fundus_parts(scene)
    rows, columns = np.mgrid[0:SIDE, 0:SIDE]
    far = np.hypot(columns - x, rows - y) / radius
    light = np.clip(1.15 - 0.55 * far**2, 0, None) * rng.uniform(0.85, 1.15)
    base = np.array([200, 84, 40]) + rng.uniform(-18, 18, 3)
    values = light[..., None] * base
    macula = np.hypot(columns - x + (disc[0] - x) * 0.5, rows - y)
    values *= (1 - 0.3 * np.exp(-((macula / 11) ** 2)))[..., None]
    image = Image.fromarray(np.clip(values, 0, 255).astype(np.uint8))
    pen = ImageDraw.Draw(image)
    draw_vessels(pen, disc, radius, -1 if disc[0] > x else 1, rng)
    image = image.filter(ImageFilter.GaussianBlur(0.7))
    pen = ImageDraw.Draw(image)
    pen.ellipse([disc[0] - disc[2], disc[1] - disc[2], disc[0] + disc[2], disc[1] + disc[2]], fill=(250, 214, 140))
    for sx, sy, size in spots:
        pen.ellipse([sx - size, sy - size, sx + size, sy + size], fill=(245, 232, 120))
    values = np.asarray(image.filter(ImageFilter.GaussianBlur(0.5)), dtype=np.float64) * (far < 1)[..., None]
    return Image.fromarray(values.astype(np.uint8))


def draw_vessels(pen, disc, radius, toward, rng):
    for branch in (-1, 1):
        for spread in (0.5, 1.0):
            point, turn = np.array(disc[:2]), math.pi / 2 * branch
            width = rng.uniform(1.6, 3)
            for _ in range(14):
                turn += -branch * toward * spread * rng.uniform(0.02, 0.2)
                step = point + radius / 8 * np.array([math.cos(turn) + 0.15 * toward, math.sin(turn)])
                pen.line([tuple(point), tuple(step)], fill=(110, 22, 18), width=max(1, round(width)))
                point, width = step, width * 0.93


def questions(scene):
    """All questions about a scene: (name, question in one of its forms, answer)."""
    kind, asked = scene["kind"], []
    asked.append(("kind", ["What is it?", "What does the picture show?"], "fundus" if kind == "fundus" else "shapes"))
    asked.append(("fundus", ["Is it a fundus?"], "yes" if kind == "fundus" else "no"))
    if kind == "fundus":
        asked.append(("exudates", ["Are there exudates?", "Does it have exudates?"], "yes" if scene["exudates"] else "no"))
        asked.append(("disc", ["Where is the optic disc?"], scene["disc"]))
    elif kind == "pair":
        (left, left_colour, *_), (right, right_colour, *_) = scene["shapes"]
        side = scene["seed"] % 2
        shape, colour = ((left, left_colour), (right, right_colour))[side]
        asked.append(("colour_of_shape", [f"What colour is the {shape}?"], colour))
        asked.append(("shape_of_colour", [f"What shape is {colour}?"], shape))
        asked.append(("shape_at_side", [f"What shape is at the {('left', 'right')[side]}?"], shape))
        asked.append(("count", ["How many shapes are there?"], "two"))
    else:
        shape, colour = scene["shapes"][0][:2]
        asked.append(("shape", ["What shape is it?", "Which shape is there?"], shape))
        asked.append(("colour", ["What colour is it?", "Which colour is there?"], colour))
        asked.append(("count", ["How many shapes are there?"], NUMBERS[len(scene["shapes"]) - 1]))
        if kind == "single":
            asked.append(("place", ["Where is it?"], scene["place"]))
    asked.append(("caption", ["Describe the picture."], caption(scene)))
    return asked


def caption(scene):
    if scene["kind"] == "fundus":
        return f"a fundus {'with' if scene['exudates'] else 'without'} exudates"
    names = [f"{colour} {shape}" for shape, colour, *_ in scene["shapes"]]
    if scene["kind"] == "single":
        return f"a {names[0]} at the {scene['place']}"
    if scene["kind"] == "pair":
        return f"a {names[0]} and a {names[1]}"
    plural = names[0] + ("es" if names[0].endswith("s") else "s")
    return f"{NUMBERS[len(names) - 1]} {plural}"


def cells(scene):
    """The words of the 25 squares of 28 x 28 pixels, row by row: what is drawn there."""
    words = [["nothing"] for _ in range((SIDE // CELL) ** 2)]
    for number, word in enumerate(words):
        x, y = number % (SIDE // CELL) * CELL, number // (SIDE // CELL) * CELL
        if scene["kind"] == "fundus":
            word[:] = fundus_cell(scene, x, y)
            continue
        for shape, colour, cx, cy, half in scene["shapes"]:
            wide = min(x + CELL, cx + half) - max(x, cx - half)
            high = min(y + CELL, cy + half) - max(y, cy - half)
            if wide > 0 and high > 0 and wide * high > 0.25 * min(CELL * CELL, 4 * half * half):
                word[:] = [colour, shape]
    return words


def fundus_cell(scene, x, y):
    (cx, cy, radius), disc, spots = fundus_parts(scene)

    def inside(px, py):
        return x <= px < x + CELL and y <= py < y + CELL

    if inside(disc[0], disc[1]):
        return ["retina", "disc"]
    if sum(inside(s[0], s[1]) for s in spots) >= 2:
        return ["retina", "exudates"]
    return ["retina"] if math.hypot(x + CELL / 2 - cx, y + CELL / 2 - cy) < radius + 4 else ["nothing"]


EXAMPLES = ["circle", "square", "triangle", "cross", "pair", "several", "fundus-exudates", "fundus-plain"]


def examples(seed):
    """One scene for each name of EXAMPLES; the pair has a circle on the left and a square on the right."""
    rng, found, used = np.random.default_rng(seed), {}, set()
    while len(found) < len(EXAMPLES):
        scene = draw_scene(rng)
        if scene["kind"] == "fundus":
            name = "fundus-exudates" if scene["exudates"] else "fundus-plain"
        elif scene["kind"] == "single":
            name = scene["shapes"][0][0]
        else:
            name = scene["kind"]
        if name == "pair" and [s[0] for s in scene["shapes"]] != ["circle", "square"]:
            continue
        if name in found or scene["kind"] == "single" and scene["shapes"][0][1] in used:
            continue
        found[name] = scene
        used |= {scene["shapes"][0][1]} if scene["kind"] == "single" else set()
    return {name: found[name] for name in EXAMPLES}


def write_examples(folder, seed):
    """Writes the pictures with few colours, which makes the files small, and questions.jsonl with their answers."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = []
    for name, scene in examples(seed).items():
        small = paint(scene, noise=False).quantize(24, dither=Image.Dither.NONE)
        small.save(folder / f"{name}.png", optimize=True)
        for asked, forms, answer in questions(scene):
            if asked != "caption":
                lines.append(json.dumps({"id": f"{name}-{asked}", "images": f"{name}.png", "text": forms[0],
                                         "target": answer}))
    (folder / "questions.jsonl").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Writes example pictures that training does not see.")
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--seed", type=int, default=2000)
    arguments = parser.parse_args()
    write_examples(arguments.out, arguments.seed)

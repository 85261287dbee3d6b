"""Writes docs/families.md from what model_parity.py measured."""

import torch
import transformers
from families import FAMILIES

HEAD = """# Model families

A checkpoint of any of these is opened by its folder. Each family is matched to Hugging Face `transformers` {version} (torch {torch}, eager attention) on small random checkpoints: fixed configurations that take every branch, and {draws} drawn from seed {seed}; each as one prompt, as a batch with left padding, and through a key-value cache, beyond its windows and its trained length where it has them.

Measured by `python tests/parity/model_parity.py --draws {draws} --seed {seed} --write-docs`:

| family | `model_type` | configurations | float32 | bfloat16 | bfloat16 RMS |
|---|---|---|---|---|---|
"""
AFTER_TABLE = """
- float32: largest difference of a logit, relative to the largest logit (or to 1 if that is smaller). The limit is 5e-5.
- bfloat16: largest difference of a logit, relative to the range of the logits. The limit is 1e-2; where the rounding of `transformers` itself is more than half of that (these weights are about ten times those of a trained model), the last column has to be below 1.5 instead.
{mixtures}- bfloat16 RMS: root mean square error of lensbench against a float64 run, over that of `transformers`, the largest of all configurations.

A setting of `config.json` that changes what the model computes is either followed or refused by name; none is ignored (a test goes through the fields of each configuration class of `transformers`, `tests/parity/config_fields.py`).

| family | followed | refused |
|---|---|---|
"""


PICTURES = """
## Pictures

Qwen2-VL (`qwen2_vl`) and Qwen2.5-VL (`qwen2_5_vl`) open in every layout of their checkpoints: tensor names of published folders and of the modules, the configuration flat or with `text_config`, tied and untied. The text model is Qwen2; a prompt without pictures gives its bits. A C++ program gives pictures to a forward as rows of patches (`Tokens::pictures` in `lensbench/tokens.hpp`): tower, windows, merger and the three rotary positions of a token are those of `transformers`, in padded batches, through a key-value cache and in generation. `tests/framework/model/vision` compares both with `transformers` 5.24.0 (`tests/parity/vision_reference.py`) with a limit of 5e-5 in float32. The commands do not take pictures yet: they read text with these models, and a prompt with a placeholder of a picture is refused.
"""


MIXTURE = """- {title} in bfloat16: the router's softmax magnifies rounding (its scores are large here: they are drawn wide, so that the choice of experts is clear). Of {choices} (layer, token) lensbench and `transformers` chose other experts in {rerouted}; against float64, lensbench in {rerouted_ours} and `transformers` in {rerouted_hf}. With the experts of lensbench in `transformers` too, logits differ by up to {same_experts:.1e} of their range; with their shares as well, by up to {same_routing:.1e}: it is the shares of the experts, more than their choice, that rounding moves.
"""


def mixtures(measured):
    text = ""
    for name, rows in measured.items():
        rows = [row for row in rows if row["dtype"] == "bfloat16" and "choices" in row]
        if not rows:
            continue
        sums = {c: sum(row[c] for row in rows) for c in ("choices", "rerouted", "rerouted_ours", "rerouted_hf")}
        worst = {c: max(row[c] for row in rows) for c in ("same_experts", "same_routing")}
        text += MIXTURE.format(title=FAMILIES[name].title, **sums, **worst)
    return text


def write_docs(path, measured, arguments):
    text = HEAD.format(
        version=transformers.__version__, torch=torch.__version__.split("+")[0], draws=arguments.draws, seed=arguments.seed
    )
    for name, rows in measured.items():
        family = FAMILIES[name]
        types = ", ".join(f"`{t}`" for t in family.model_types)

        def worst(dtype, *columns):
            return max(row[column] for row in rows if row["dtype"] == dtype for column in columns)

        text += (
            f"| {family.title} | {types} | {len(rows) // 2} | {worst('float32', 'logits', 'padding', 'cached'):.1e} "
            f"| {worst('bfloat16', 'logits', 'padding', 'cached'):.1e} | {worst('bfloat16', 'rms_ratio'):.2f} |\n"
        )
    text += AFTER_TABLE.format(mixtures=mixtures(measured))
    for name in measured:
        family = FAMILIES[name]
        text += f"| {family.title} | {family.supports} | {family.refuses} |\n"
    path.write_text(text + PICTURES)

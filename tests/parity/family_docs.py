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
{mixture_table}
A setting of `config.json` that changes what the model computes is either followed or refused by name; none is ignored (a test goes through the fields of each configuration class of `transformers`, `tests/parity/config_fields.py`).

| family | followed | refused |
|---|---|---|
"""


CHECKPOINTS = """
## From checkpoint to family

`model_type` in `config.json` decides, whatever the name of a checkpoint says. Of names that people use:

| checkpoints | `model_type` |
|---|---|
| Llama 2, 3, 3.1, 3.2 of text, 3.3; TinyLlama; SmolLM, SmolLM2; DeepSeek-R1-Distill-Llama | `llama` |
| SmolLM3 | `smollm3` |
| Qwen2, Qwen2.5, QwQ; DeepSeek-R1-Distill-Qwen | `qwen2` |
| Qwen3 without experts; DeepSeek-R1-0528-Qwen3-8B | `qwen3` |
| Qwen1.5-MoE-A2.7B, Qwen2-57B-A14B; Qwen3-30B-A3B, Qwen3-235B-A22B | `qwen2_moe`; `qwen3_moe` |
| gpt-oss-20b, gpt-oss-120b, once their MXFP4 weights are saved as bfloat16 | `gpt_oss` |
| Gemma 3 of 270M and 1B; of 4B, 12B and 27B | `gemma3_text`; `gemma3` |
| OLMo in the form of `transformers` (`-hf`), OLMo 2, OLMo 3, OLMoE | `olmo`, `olmo2`, `olmo3`, `olmoe` |
| Granite 3 without experts; with experts (1B-A400M, 3B-A800M) | `granite`; `granitemoe` |
| Command R, Command R+; Command R7B, Command A | `cohere`; `cohere2` |
| GLM-4-9B of 2024 in the form of `transformers` (`-hf`); GLM-4-9B-0414, GLM-4-32B-0414 | `glm`; `glm4` |
| SantaCoder, StarCoder; StarCoder2 | `gpt_bigcode`; `starcoder2` |
| DeepSeek-V2, DeepSeek-V2-Lite, DeepSeek-Coder-V2; DeepSeek-V3, DeepSeek-R1 once their FP8 weights are saved as bfloat16 | `deepseek_v2`; `deepseek_v3` |
| Mistral Small 3.1 and later, Ministral 3; Llama 4 Scout | `mistral3`; `llama4` |
| Phi-3.5-MoE | `phimoe` |
| not opened: Llama 4 Maverick, Gemma 3n, Gemma 4, Qwen3-Next, Qwen3.5 | |
"""

PICTURES = """
## Pictures

Qwen2-VL (`qwen2_vl`) and Qwen2.5-VL (`qwen2_5_vl`) open in every layout of their checkpoints: tensor names of published folders and of the modules, the configuration flat or with `text_config`, tied and untied. The text model is Qwen2; a prompt without pictures gives its bits. A C++ program gives pictures to a forward as rows of patches (`Tokens::pictures` in `lensbench/tokens.hpp`): tower, windows, merger and the three rotary positions of a token are those of `transformers`, in padded batches, through a key-value cache and in generation. `tests/framework/model/vision` compares both with `transformers` 5.24.0 (`tests/parity/vision_reference.py`) with a limit of 5e-5 in float32. [Pictures](pictures.md) describes the commands.
"""

MIXTURE_HEAD = """- Mixtures of experts in bfloat16: the router's softmax magnifies rounding (its scores are large here: they are drawn wide, so that the choice of experts is clear). At some (layer, token) lensbench chooses other experts than `transformers`, and each of both others than float64. With the experts of lensbench in `transformers` too, logits differ less, and with their shares as well, least: it is the shares of the experts, more than their choice, that rounding moves.
"""
MIXTURE_TABLE = """
| mixture | (layer, token) | other experts than `transformers` | lensbench, others than float64 | `transformers`, others than float64 | logits with the same experts | with the same shares too |
|---|---|---|---|---|---|---|
"""


def mixture_rows(measured):
    text = ""
    for name, rows in measured.items():
        rows = [row for row in rows if row["dtype"] == "bfloat16" and "choices" in row]
        if not rows:
            continue
        sums = [sum(row[c] for row in rows) for c in ("choices", "rerouted", "rerouted_ours", "rerouted_hf")]
        worst = [max(row[c] for row in rows) for c in ("same_experts", "same_routing")]
        cells = [FAMILIES[name].title, *map(str, sums), *(f"{figure:.1e}" for figure in worst)]
        text += "| " + " | ".join(cells) + " |\n"
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
    text += AFTER_TABLE.format(mixtures=MIXTURE_HEAD, mixture_table=MIXTURE_TABLE + mixture_rows(measured))
    for name in measured:
        family = FAMILIES[name]
        text += f"| {family.title} | {family.supports} | {family.refuses} |\n"
    path.write_text(text + CHECKPOINTS + PICTURES)

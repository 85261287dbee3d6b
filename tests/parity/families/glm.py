from families.phi import draw_partial
from family_case import DECODER, Case, Family, rope

BASE = DECODER | dict(hidden_size=32, head_dim=8)

CASES = {
    "glm": Case(),
    "glm-whole": Case(rope(partial_rotary_factor=1.0) | dict(tie_word_embeddings=True), older=True),
    "glm-no-bias": Case(dict(attention_bias=False, head_dim=12, rms_norm_eps=1e-3), 40, older=True),
}


def draw_glm(rng):
    config, length, cached = draw_partial(rng)
    config |= dict(attention_bias=rng.random() < 0.6, rms_norm_eps=rng.choice((1.5625e-7, 1e-3)))
    return Case(config, length, cached, older=rng.random() < 0.5)


FAMILY = Family(
    title="GLM-4 (2024)",
    model_types=("glm",),
    base=BASE,
    cases=CASES,
    draw=draw_glm,
    samples=("glm",),
    supports="as Llama; interleaved and partial rotation, biases of queries, keys and values, fused gate and input of the MLP",
    refuses="an odd number of rotating dimensions",
)

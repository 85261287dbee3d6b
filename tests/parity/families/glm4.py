from families.glm import BASE, draw_glm
from family_case import Case, Family, rope

CASES = {
    "glm4": Case(),
    "glm4-whole": Case(rope(partial_rotary_factor=1.0) | dict(tie_word_embeddings=True), older=True),
    "glm4-no-bias": Case(dict(attention_bias=False, head_dim=12, rms_norm_eps=1e-3), 40, older=True),
}

FAMILY = Family(
    title="GLM-4 (2025)",
    model_types=("glm4",),
    base=BASE,
    cases=CASES,
    draw=draw_glm,
    samples=("glm4",),
    supports="as GLM-4 of 2024; norms before and after each sublayer",
    refuses="an odd number of rotating dimensions",
)

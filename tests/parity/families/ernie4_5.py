from family_case import DECODER, Case, Family, draw_rotary, rope

BASE = DECODER | dict(head_dim=8)

CASES = {
    "ernie4_5": Case(),
    "ernie4_5-biases": Case(dict(use_bias=True, tie_word_embeddings=False, rms_norm_eps=1e-3), older=True),
    "ernie4_5-own-heads": Case(dict(num_key_value_heads=None, head_dim=None) | rope("linear", factor=4.0), 40, older=True),
}


def draw(rng):
    config, length, cached = draw_rotary(rng)
    config |= dict(use_bias=rng.random() < 0.4)
    config.setdefault("head_dim", None)
    return Case(config, length, cached, older=rng.random() < 0.5)


FAMILY = Family(
    title="ERNIE 4.5 (dense)",
    model_types=("ernie4_5",),
    base=BASE,
    cases=CASES,
    draw=draw,
    samples=("ernie4_5",),
    supports="as Llama; interleaved rotation and its scalings, biases everywhere or nowhere",
    refuses="a partial rotation",
)

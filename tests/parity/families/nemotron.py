from families.phi import draw_partial
from family_case import DECODER, Case, Family, rope

BASE = DECODER | dict(hidden_size=32, num_key_value_heads=2)

CASES = {
    "nemotron": Case(),
    "nemotron-whole": Case(rope(partial_rotary_factor=1.0) | dict(tie_word_embeddings=True, norm_eps=1e-3), older=True),
    "nemotron-biases": Case(dict(attention_bias=True, mlp_bias=True, head_dim=12, hidden_act="gelu"), 40, older=True),
}


def draw(rng):
    config, length, cached = draw_partial(rng)
    config |= dict(
        attention_bias=rng.random() < 0.4,
        mlp_bias=rng.random() < 0.4,
        hidden_act=rng.choice(("relu2", "relu2", "silu")),
        norm_eps=rng.choice((1e-5, 1e-3)),
    )
    return Case(config, length, cached, older=rng.random() < 0.5)


FAMILY = Family(
    title="Nemotron 3, Nemotron 4, Minitron",
    model_types=("nemotron",),
    base=BASE,
    cases=CASES,
    draw=draw,
    samples=("nemotron",),
    supports="LayerNorm with gains stored less one, the square of ReLU without gate, partial rotation and its scalings",
    refuses="an odd number of rotating dimensions",
    gain_mean=0.0,
)

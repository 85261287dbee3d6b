from family_case import DECODER, Case, Family, draw_rotary, rope

LLAMA3 = rope("llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=16)
BASE = DECODER | rope(theta=12e6)

CASES = {
    "apertus": Case(LLAMA3, 40),
    "apertus-biases": Case(dict(attention_bias=True, tie_word_embeddings=True, rms_norm_eps=1e-3), older=True),
    "apertus-silu": Case(dict(hidden_act="silu", head_dim=10, num_key_value_heads=None), older=True),
    "apertus-own-settings": Case(dict(rope_parameters=None)),
}


def draw(rng):
    config, length, cached = draw_rotary(rng)
    config |= dict(attention_bias=rng.random() < 0.4, hidden_act=rng.choice(("xielu", "xielu", "gelu")))
    return Case(config, length, cached, older=rng.random() < 0.5)


FAMILY = Family(
    title="Apertus",
    model_types=("apertus",),
    base=BASE,
    cases=CASES,
    draw=draw,
    samples=("apertus",),
    supports="as Llama; an MLP without gate, xIELU with parameters of each layer, a norm on each head's queries and keys",
    refuses="a partial rotation",
)

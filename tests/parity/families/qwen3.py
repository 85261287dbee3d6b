from families.qwen2 import BASE as QWEN2
from families.qwen2 import KINDS, WINDOW, draw_windows, older
from family_case import Case, Family, draw_decoder, draw_rope, rope

BASE = QWEN2 | dict(head_dim=8)

CASES = {
    "qwen3": Case(dict(num_hidden_layers=2)),
    "qwen3-window": Case(WINDOW | dict(max_window_layers=1), older=True),
    "qwen3-layer-types": Case(WINDOW | dict(layer_types=KINDS, tie_word_embeddings=True)),
    "qwen3-biases": Case(dict(attention_bias=True, rms_norm_eps=1e-3)),
    "qwen3-yarn": Case(rope("yarn", factor=4.0, original_max_position_embeddings=16), 40, older=True),
}


def draw(rng):
    length = rng.randint(12, 60)
    scaling, cached = draw_rope(rng, 64, length)
    config = draw_decoder(rng) | scaling
    config.setdefault("head_dim", rng.choice((4, 6, 12)))
    config["attention_bias"] = rng.random() < 0.3
    windows, sayable = draw_windows(rng, config)
    return Case(config | windows, length, cached, older=sayable and rng.random() < 0.5)


FAMILY = Family(
    title="Qwen3",
    model_types=("qwen3",),
    base=BASE,
    cases=CASES,
    draw=draw,
    samples=("qwen3",),
    supports="as Qwen2, any biases or none; a norm on each head's queries and keys",
    refuses="a partial rotation, `mrope_section`",
    older=older,
)

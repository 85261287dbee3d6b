from families.cohere import BASE as COHERE
from family_case import Case, Family, draw_layer_types, draw_rotary, rope

BASE = COHERE | dict(sliding_window=5)

CASES = {
    "cohere2": Case(dict(layer_types=["sliding_attention", "full_attention"])),
    "cohere2-pattern": Case(dict(num_hidden_layers=4, attention_bias=True, logit_scale=1.5), 40, older=True),
    "cohere2-short-pattern": Case(dict(sliding_window_pattern=2, num_hidden_layers=3, tie_word_embeddings=False)),
    "cohere2-no-window": Case(dict(layer_types=["full_attention"] * 2, layer_norm_eps=1e-3)),
    "cohere2-linear": Case(rope("linear", factor=4.0) | dict(num_key_value_heads=None), 40),
}


def draw(rng):
    config, length, cached = draw_rotary(rng, head_dim=False)
    config |= dict(sliding_window=rng.choice((2, 6, 64)), logit_scale=rng.choice((0.0625, 1.0)))
    if rng.random() < 0.6:
        config |= dict(layer_types=draw_layer_types(rng, config["num_hidden_layers"]))
    return Case(config, length, cached, older=rng.random() < 0.5)


FAMILY = Family(
    title="Cohere 2 (Command R7B, Command A)",
    model_types=("cohere2",),
    base=BASE,
    cases=CASES,
    draw=draw,
    samples=("cohere2",),
    supports="as Cohere without norms of queries and keys; windows in three of four layers, by `sliding_window_pattern` or "
    "`layer_types`; the other layers do not rotate",
    refuses="`use_qk_norm`, a partial rotation",
)

from family_case import DECODER, Case, Family, draw_layer_types, draw_rotary, rope

BASE = DECODER | dict(no_rope_layer_interval=2)
WINDOW = dict(use_sliding_window=True, sliding_window=5)

CASES = {
    "smollm3": Case(),
    "smollm3-window": Case(WINDOW | dict(num_hidden_layers=4), 40),
    "smollm3-list": Case(dict(no_rope_layers=[0, 1, 1], attention_bias=True, mlp_bias=True, tie_word_embeddings=False)),
    "smollm3-layer-types": Case(WINDOW | dict(layer_types=["sliding_attention", "full_attention"], head_dim=10), 40),
    "smollm3-unused-window": Case(dict(use_sliding_window=False, sliding_window=5), older=True),
    "smollm3-yarn": Case(rope("yarn", factor=2.0, original_max_position_embeddings=16), 40, older=True),
}


def draw(rng):
    config, length, cached = draw_rotary(rng)
    layers = config["num_hidden_layers"]
    config |= dict(
        no_rope_layer_interval=rng.randint(1, 4),
        attention_bias=rng.random() < 0.4,
        use_sliding_window=rng.random() < 0.5,
        sliding_window=rng.choice((None, 3, 9)),
    )
    if rng.random() < 0.4:
        config |= dict(no_rope_layers=rng.choices((0, 1), k=layers))
    if config["sliding_window"] and rng.random() < 0.4:
        config |= dict(layer_types=draw_layer_types(rng, layers))
    return Case(config, length, cached, older=rng.random() < 0.5)


FAMILY = Family(
    title="SmolLM3",
    model_types=("smollm3",),
    base=BASE,
    cases=CASES,
    draw=draw,
    samples=("smollm3",),
    supports="as Llama; layers without rotation by `no_rope_layers` or `no_rope_layer_interval`, windows in these or by "
    "`layer_types`",
    refuses="a partial rotation",
)

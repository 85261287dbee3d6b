from family_case import DECODER, Case, Family, draw_layer_types, draw_rotary, rope

BASE = DECODER | dict(sliding_window=5, sliding_window_pattern=2)
WHOLE = dict(sliding_window=None, layer_types=["full_attention"] * 2)

CASES = {
    "exaone4": Case(),
    "exaone4-whole": Case(WHOLE | dict(tie_word_embeddings=True), older=True),
    "exaone4-letters": Case(
        dict(sliding_window_pattern="LLLG", layer_types=["sliding_attention", "full_attention"], head_dim=10), 40, older=True
    ),
    "exaone4-pattern": Case(dict(sliding_window_pattern=4, num_hidden_layers=4, rms_norm_eps=1e-3)),
    "exaone4-llama3": Case(
        WHOLE
        | rope("llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=16),
        40,
    ),
}


def draw(rng):
    config, length, cached = draw_rotary(rng)
    layers = config["num_hidden_layers"]
    if rng.random() < 0.3:
        config |= dict(sliding_window=None, layer_types=["full_attention"] * layers)
    else:
        config |= dict(sliding_window=rng.choice((2, 7, 64)), sliding_window_pattern=rng.randint(1, 4))
        if rng.random() < 0.5:
            config |= dict(layer_types=draw_layer_types(rng, layers))
    return Case(config, length, cached, older=rng.random() < 0.5)


FAMILY = Family(
    title="EXAONE 4",
    model_types=("exaone4",),
    base=BASE,
    cases=CASES,
    draw=draw,
    samples=("exaone4",),
    supports="norms after the sublayers, a norm on each head's queries and keys; windows by `sliding_window_pattern` or "
    "`layer_types`, with which the other layers do not rotate",
    refuses="a pattern in letters without `layer_types`, a partial rotation",
)

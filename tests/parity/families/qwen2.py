from family_case import Case, Family, draw_decoder, draw_rope, older_rope_spelling, rope

BASE = dict(
    vocab_size=61,
    hidden_size=24,
    intermediate_size=40,
    num_hidden_layers=3,
    num_attention_heads=4,
    num_key_value_heads=2,
    max_position_embeddings=64,
    bos_token_id=1,
    eos_token_id=2,
)
WINDOW = dict(use_sliding_window=True, sliding_window=5)
KINDS = ["sliding_attention", "full_attention", "sliding_attention"]

CASES = {
    "qwen2": Case(dict(num_hidden_layers=2)),
    "qwen2-unused-window": Case(dict(use_sliding_window=False, sliding_window=5, max_window_layers=0)),
    "qwen2-window": Case(WINDOW | dict(max_window_layers=1), older=True),
    "qwen2-layer-types": Case(WINDOW | dict(layer_types=KINDS)),
    "qwen2-yarn": Case(
        rope("yarn", factor=4.0, original_max_position_embeddings=16) | dict(tie_word_embeddings=True), 40, older=True
    ),
}


def older(config):
    """Without `layer_types`, which transformers 4 did not have at first."""
    older_rope_spelling(config)
    types = config.pop("layer_types")
    full = types.count("full_attention")
    assert types == ["full_attention"] * full + ["sliding_attention"] * (len(types) - full)
    config["max_window_layers"] = full


def draw_windows(rng, config):
    """Windows in no layer, from some layer on, or in any layers; and whether an older config can say so."""
    layers = config["num_hidden_layers"]
    window = dict(use_sliding_window=True, sliding_window=rng.choice((2, 6, 11)))
    kind = rng.randrange(3)
    if kind == 0:
        return {}, True
    if kind == 1:
        return window | dict(max_window_layers=rng.randint(0, layers)), True
    return window | dict(layer_types=rng.choices(("full_attention", "sliding_attention"), k=layers)), False


def draw(rng):
    length = rng.randint(12, 60)
    scaling, cached = draw_rope(rng, 64, length)
    config = draw_decoder(rng) | scaling
    windows, sayable = draw_windows(rng, config)
    return Case(config | windows, length, cached, older=sayable and rng.random() < 0.5)


FAMILY = Family(
    title="Qwen2, Qwen2.5",
    model_types=("qwen2",),
    base=BASE,
    cases=CASES,
    draw=draw,
    samples=("qwen2", "qwen2-window"),
    supports="as Llama; biases of queries, keys and values; windows by `max_window_layers` or `layer_types`",
    refuses="a partial rotation, `mrope_section`",
    older=older,
)

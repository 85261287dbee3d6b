from families.gemma import BASE as GEMMA
from families.gemma import draw_gemma
from family_case import Case, Family

BASE = GEMMA | dict(num_key_value_heads=2, query_pre_attn_scalar=12, sliding_window=6, num_hidden_layers=3)
KINDS = ["sliding_attention", "full_attention", "sliding_attention"]


def ropes(theta, local_theta, **scaling):
    full = dict(rope_type="default", rope_theta=theta) | scaling
    return dict(rope_parameters=dict(full_attention=full, sliding_attention=dict(rope_type="default", rope_theta=local_theta)))


CASES = {
    "gemma3": Case(dict(layer_types=KINDS)),
    "gemma3-pattern": Case(dict(sliding_window_pattern=2), older=True),
    "gemma3-all-local": Case(),
    "gemma3-ropes": Case(ropes(5000.0, 200.0, rope_type="linear", factor=8.0) | dict(layer_types=KINDS), 40),
    "gemma3-ropes-older": Case(
        ropes(5000.0, 200.0, rope_type="linear", factor=8.0) | dict(sliding_window_pattern=3), 40, older=True
    ),
    "gemma3-capped": Case(dict(final_logit_softcapping=1.5, attention_bias=True, tie_word_embeddings=False)),
}


def older(config):
    """`rope_theta`, `rope_local_base_freq`, `rope_scaling`; a pattern of layers rather than their types."""
    ropes = config.pop("rope_parameters")
    full = dict(ropes["full_attention"])
    config["rope_theta"] = full.pop("rope_theta")
    config["rope_scaling"] = None if full["rope_type"] == "default" else full
    config["rope_local_base_freq"] = ropes["sliding_attention"]["rope_theta"]
    pattern = config.pop("_sliding_window_pattern", None) or config["sliding_window_pattern"]
    config["sliding_window_pattern"] = pattern
    types = config.pop("layer_types")
    assert types == [("sliding_attention" if (i + 1) % pattern else "full_attention") for i in range(len(types))]


def draw(rng):
    config, length, _ = draw_gemma(rng)
    config |= dict(
        final_logit_softcapping=rng.choice((None, 2.0)),
        query_pre_attn_scalar=rng.randint(3, 20),
        sliding_window=rng.choice((1, 3, 8, 64)),
    )
    scaling = rng.choice(({}, dict(rope_type="linear", factor=4.0)))
    config |= ropes(rng.choice((1e6, 5000.0)), rng.choice((1e4, 100.0)), **scaling)
    if rng.random() < 0.5:
        kinds = rng.choices(("full_attention", "sliding_attention"), k=config["num_hidden_layers"])
        return Case(config | dict(layer_types=kinds), length)
    return Case(config | dict(sliding_window_pattern=rng.randint(1, 4)), length, older=rng.random() < 0.5)


FAMILY = Family(
    title="Gemma 3 (text)",
    model_types=("gemma3_text",),
    base=BASE,
    cases=CASES,
    draw=draw,
    samples=("gemma3",),
    supports="as Gemma 2 with a norm on each head's queries and keys, and a rotation of its own in windowed layers; "
    "windows by `sliding_window_pattern` or `layer_types`; also as the language model of a `gemma3` checkpoint of text and images",
    refuses="`attn_logit_softcapping`, `use_bidirectional_attention`",
    gain_mean=0.0,
    older=older,
)

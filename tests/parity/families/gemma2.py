from families.gemma import BASE as GEMMA
from families.gemma import draw_gemma
from family_case import Case, Family, older_rope_spelling

BASE = GEMMA | dict(num_key_value_heads=2, query_pre_attn_scalar=12, sliding_window=6)

CASES = {
    "gemma2": Case(),
    "gemma2-uncapped": Case(dict(attn_logit_softcapping=None, final_logit_softcapping=None), older=True),
    "gemma2-tight-caps": Case(dict(attn_logit_softcapping=0.5, final_logit_softcapping=1.5)),
    "gemma2-layer-types": Case(
        dict(layer_types=["full_attention", "sliding_attention"], hidden_activation="gelu", tie_word_embeddings=False)
    ),
    "gemma2-biases": Case(dict(attention_bias=True, rms_norm_eps=1e-3, num_hidden_layers=3), 40, older=True),
}


def older(config):
    """Without `layer_types`: every other layer has the window."""
    older_rope_spelling(config)
    types = config.pop("layer_types")
    assert types == [("sliding_attention", "full_attention")[i % 2] for i in range(len(types))]


def draw_caps(rng):
    return dict(
        attn_logit_softcapping=rng.choice((None, 0.7, 2.0, 50.0)),
        final_logit_softcapping=rng.choice((None, 2.0, 30.0)),
    )


def draw(rng):
    config, length, cached = draw_gemma(rng)
    config |= draw_caps(rng) | dict(query_pre_attn_scalar=rng.randint(3, 20), sliding_window=rng.choice((1, 3, 8, 64)))
    if rng.random() < 0.5:
        kinds = rng.choices(("full_attention", "sliding_attention"), k=config["num_hidden_layers"])
        return Case(config | dict(layer_types=kinds), length, cached)
    return Case(config, length, cached, older=rng.random() < 0.5)


FAMILY = Family(
    title="Gemma 2",
    model_types=("gemma2",),
    base=BASE,
    cases=CASES,
    draw=draw,
    samples=("gemma2",),
    supports="as Gemma 1; norms before and after each sublayer, soft caps of scores and logits, `query_pre_attn_scalar`, "
    "windows in every other layer or by `layer_types`",
    refuses="`use_bidirectional_attention`",
    gain_mean=0.0,
    older=older,
)

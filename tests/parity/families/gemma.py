from family_case import Case, Family, draw_decoder, draw_rope, rope

BASE = dict(
    vocab_size=61,
    hidden_size=24,
    intermediate_size=40,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=1,
    head_dim=8,
    max_position_embeddings=64,
    pad_token_id=0,
    bos_token_id=2,
    eos_token_id=1,
)

CASES = {
    "gemma": Case(),
    "gemma-untied": Case(dict(tie_word_embeddings=False, num_key_value_heads=4), older=True),
    "gemma-biases": Case(dict(attention_bias=True, rms_norm_eps=1e-3)),
    "gemma-gelu": Case(dict(hidden_act="gelu"), older=True),  # by which the tanh approximation is meant
    "gemma-linear": Case(rope("linear", factor=2.0), 40),
}


def draw_gemma(rng):
    length = rng.randint(12, 60)
    scaling, cached = draw_rope(rng, 64, length)
    config = draw_decoder(rng) | scaling
    config.setdefault("head_dim", rng.choice((4, 6, 12)))
    config |= dict(attention_bias=rng.random() < 0.3, pad_token_id=0, rms_norm_eps=rng.choice((1e-6, 1e-3)))
    return config, length, cached


def draw(rng):
    config, length, cached = draw_gemma(rng)
    config["hidden_act"] = rng.choice(("gelu_pytorch_tanh", "gelu", "silu"))
    return Case(config, length, cached, older=rng.random() < 0.5)


FAMILY = Family(
    title="Gemma 1",
    model_types=("gemma",),
    base=BASE,
    cases=CASES,
    draw=draw,
    samples=("gemma",),
    supports="scaled embeddings, gains stored less one, any head size, rotary scaling as Llama",
    refuses="`use_bidirectional_attention`, a `hidden_activation` other than `hidden_act`",
    gain_mean=0.0,
)

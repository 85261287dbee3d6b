from family_case import Case, Family, draw_decoder, draw_rope, rope

BASE = dict(
    vocab_size=61,
    hidden_size=32,
    intermediate_size=40,
    num_hidden_layers=2,
    num_attention_heads=4,
    max_position_embeddings=64,
    bos_token_id=1,
    eos_token_id=2,
)

CASES = {
    "phi": Case(),
    "phi-quarter": Case(rope(partial_rotary_factor=0.25) | dict(num_key_value_heads=2), older=True),
    "phi-whole": Case(rope(partial_rotary_factor=1.0, theta=500.0) | dict(hidden_act="gelu")),
    "phi-query-key-norm": Case(dict(qk_layernorm=True, layer_norm_eps=1e-3, tie_word_embeddings=True), older=True),
    "phi-linear": Case(rope("linear", factor=2.0, partial_rotary_factor=0.5), 40),
}


def draw_partial(rng, fractions=(0.25, 0.5, 0.75, 1.0)):
    """A decoder of which part of each head rotates, its prompt's length and whether a cache may be used."""
    length = rng.randint(12, 60)
    fraction = rng.choice(fractions)
    scaling, cached = draw_rope(rng, 64, length, partial_rotary_factor=fraction)
    config = draw_decoder(rng, head_dim=False) | scaling
    config["hidden_size"] = config["num_attention_heads"] * 8  # every fraction of it is even
    return config, length, cached


def draw(rng):
    config, length, cached = draw_partial(rng)
    config |= dict(
        qk_layernorm=rng.random() < 0.4,
        hidden_act=rng.choice(("gelu_new", "relu")),
        layer_norm_eps=rng.choice((1e-5, 1e-3)),
    )
    return Case(config, length, cached, older=rng.random() < 0.5)


FAMILY = Family(
    title="Phi-1, Phi-1.5, Phi-2",
    model_types=("phi",),
    base=BASE,
    cases=CASES,
    draw=draw,
    samples=("phi",),
    supports="parallel blocks with one norm, biases, a bias of the unembedding, partial rotation, norms of queries and keys",
    refuses="an odd number of rotating dimensions",
)

from family_case import Case, Family

BASE = dict(
    vocab_size=61,
    hidden_size=24,
    ffn_dim=40,
    num_hidden_layers=2,
    num_attention_heads=3,
    max_position_embeddings=64,
    word_embed_proj_dim=24,
)
CASES = {
    "opt": Case(),
    "opt-350m": Case(dict(do_layer_norm_before=False, word_embed_proj_dim=16)),
    "opt-wide-embedding": Case(dict(word_embed_proj_dim=32, tie_word_embeddings=False), 40),
    "opt-no-bias": Case(dict(enable_bias=False, layer_norm_elementwise_affine=False, activation_function="gelu")),
    "opt-no-final-norm": Case(dict(_remove_final_layer_norm=True)),
    "opt-plain-after": Case(dict(do_layer_norm_before=False, layer_norm_elementwise_affine=False)),
}


def draw(rng):
    heads = rng.choice((1, 2, 3, 5))
    width = heads * rng.choice((4, 7, 8))
    config = dict(
        vocab_size=rng.randint(40, 90),
        hidden_size=width,
        ffn_dim=rng.randint(9, 70),
        num_hidden_layers=rng.randint(1, 4),
        num_attention_heads=heads,
        word_embed_proj_dim=rng.choice((width, 12, 48)),
        activation_function=rng.choice(("relu", "gelu", "silu")),
        do_layer_norm_before=rng.random() < 0.5,
        _remove_final_layer_norm=rng.random() < 0.2,
        enable_bias=rng.random() < 0.7,
        layer_norm_elementwise_affine=rng.random() < 0.7,
        tie_word_embeddings=rng.random() < 0.7,
    )
    return Case(config, rng.randint(8, 60))


FAMILY = Family(
    title="OPT",
    model_types=("opt",),
    base=BASE,
    cases=CASES,
    draw=draw,
    samples=("opt", "opt-350m", "opt-no-bias"),
    supports="norms before or after, an embedding of its own width, no biases, norms without gain, no final norm",
    refuses="nothing it can be configured to compute",
)

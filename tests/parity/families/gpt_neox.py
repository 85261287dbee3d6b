from family_case import Case, Family, draw_rope, rope

BASE = dict(
    vocab_size=61,
    hidden_size=24,
    intermediate_size=40,
    num_hidden_layers=2,
    num_attention_heads=3,
    max_position_embeddings=64,
    bos_token_id=0,
    eos_token_id=0,
)


def older(config):
    """The names of transformers 4: rotary_pct, rotary_emb_base, rope_scaling."""
    settings = dict(config.pop("rope_parameters"))
    config["rotary_emb_base"] = settings.pop("rope_theta")
    config["rotary_pct"] = settings.pop("partial_rotary_factor")
    config["rope_scaling"] = None if settings["rope_type"] == "default" else settings


CASES = {
    "gpt-neox": Case(),
    "gpt-neox-sequential": Case(rope(partial_rotary_factor=0.5) | dict(use_parallel_residual=False), older=True),
    "gpt-neox-pythia": Case(dict(rotary_pct=0.25, rotary_emb_base=1000, num_attention_heads=1), 40, older=True),
    "gpt-neox-no-bias": Case(dict(attention_bias=False, tie_word_embeddings=True, rotary_pct=1.0)),
    "gpt-neox-linear": Case(rope("linear", factor=4.0, partial_rotary_factor=0.5), 40, older=True),
    "gpt-neox-dynamic": Case(
        rope("dynamic", factor=4.0, partial_rotary_factor=0.5) | dict(max_position_embeddings=16), 40, cached=False
    ),
}


def draw(rng):
    heads, length = rng.choice((1, 2, 3, 5)), rng.randint(8, 60)
    scaling, cached = draw_rope(rng, 64, length, partial_rotary_factor=rng.choice((0.5, 0.75, 1.0)))
    config = scaling | dict(
        vocab_size=rng.randint(40, 90),
        hidden_size=heads * 8,
        intermediate_size=rng.randint(9, 70),
        num_hidden_layers=rng.randint(1, 4),
        num_attention_heads=heads,
        hidden_act=rng.choice(("gelu", "gelu_new", "relu", "silu")),
        layer_norm_eps=rng.choice((1e-5, 1e-3)),
        use_parallel_residual=rng.random() < 0.5,
        attention_bias=rng.random() < 0.7,
        tie_word_embeddings=rng.random() < 0.3,
    )
    return Case(config, length, cached, older=rng.random() < 0.5)


FAMILY = Family(
    title="GPT-NeoX, Pythia",
    model_types=("gpt_neox",),
    base=BASE,
    cases=CASES,
    draw=draw,
    samples=("gpt-neox", "gpt-neox-sequential"),
    supports="parallel and sequential blocks, partial rotation and its scalings, with or without attention biases",
    refuses="an odd number of rotated dimensions",
    older=older,
)

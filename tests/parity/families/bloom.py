from family_case import Case, Family

BASE = dict(vocab_size=61, hidden_size=24, n_layer=2, n_head=4, bos_token_id=1, eos_token_id=2)
CASES = {
    "bloom": Case(),
    "bloom-3-heads": Case(dict(n_head=3), 40),
    "bloom-12-heads": Case(dict(n_head=12, layer_norm_epsilon=1e-3)),
    "bloom-untied": Case(dict(tie_word_embeddings=False, n_head=1)),
}


def draw(rng):
    heads = rng.randint(1, 13)
    config = dict(
        vocab_size=rng.randint(40, 90),
        hidden_size=heads * rng.choice((4, 6)),
        n_layer=rng.randint(1, 4),
        n_head=heads,
        layer_norm_epsilon=rng.choice((1e-5, 1e-3)),
        tie_word_embeddings=rng.random() < 0.7,
    )
    return Case(config, rng.randint(8, 60))


FAMILY = Family(
    title="BLOOM",
    model_types=("bloom",),
    base=BASE,
    cases=CASES,
    draw=draw,
    samples=("bloom", "bloom-3-heads"),
    supports="ALiBi with any number of heads, norm of the embedding",
    refuses="`apply_residual_connection_post_layernorm`",
)

from family_case import Case, Family

BASE = dict(vocab_size=61, dim=24, hidden_dim=40, n_layers=2, n_heads=3, max_position_embeddings=64)
CASES = {
    "distilbert": Case(),
    "distilbert-untied": Case(dict(tie_word_embeddings=False, activation="relu"), 40),
    "distilbert-sinusoidal": Case(dict(sinusoidal_pos_embds=True, n_heads=1)),
}


def draw(rng):
    heads = rng.choice((1, 2, 3, 5))
    config = dict(
        vocab_size=rng.randint(40, 90),
        dim=heads * rng.choice((4, 6, 8)),
        hidden_dim=rng.randint(9, 70),
        n_layers=rng.randint(1, 4),
        n_heads=heads,
        activation=rng.choice(("gelu", "relu")),
        tie_word_embeddings=rng.random() < 0.7,
    )
    return Case(config, rng.randint(3, 60))


FAMILY = Family(
    title="DistilBERT",
    model_types=("distilbert",),
    base=BASE,
    cases=CASES,
    draw=draw,
    samples=("distilbert",),
    supports="the masked-language head",
    refuses="checkpoints without the masked-language head",
    masked=True,
)

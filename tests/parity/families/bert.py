from family_case import Case, Family

BASE = dict(
    vocab_size=61,
    hidden_size=24,
    intermediate_size=40,
    num_hidden_layers=2,
    num_attention_heads=3,
    max_position_embeddings=64,
)
CASES = {
    "bert": Case(),
    "bert-untied": Case(dict(tie_word_embeddings=False, hidden_act="gelu_new", type_vocab_size=3), 40),
    "bert-relu": Case(dict(hidden_act="relu", layer_norm_eps=1e-3, type_vocab_size=1)),
}


def draw(rng):
    heads = rng.choice((1, 2, 3, 5))
    config = dict(
        vocab_size=rng.randint(40, 90),
        hidden_size=heads * rng.choice((4, 7, 8)),
        intermediate_size=rng.randint(9, 70),
        num_hidden_layers=rng.randint(1, 4),
        num_attention_heads=heads,
        hidden_act=rng.choice(("gelu", "gelu_new", "relu", "silu")),
        type_vocab_size=rng.randint(1, 3),
        layer_norm_eps=rng.choice((1e-12, 1e-5, 1e-3)),
        tie_word_embeddings=rng.random() < 0.7,
    )
    return Case(config, rng.randint(3, 60))


FAMILY = Family(
    title="BERT",
    model_types=("bert",),
    base=BASE,
    cases=CASES,
    draw=draw,
    samples=("bert", "bert-untied"),
    supports="the masked-language head, token types",
    refuses="`is_decoder`, relative positions, checkpoints without the masked-language head",
    masked=True,
)

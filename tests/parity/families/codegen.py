from family_case import Case, Family

BASE = dict(
    vocab_size=61, n_positions=64, n_ctx=64, n_embd=24, n_layer=2, n_head=4, rotary_dim=4, bos_token_id=0, eos_token_id=0
)
CASES = {
    "codegen": Case(),
    "codegen-three-heads": Case(dict(n_head=3, rotary_dim=8, n_inner=40, activation_function="gelu"), 40),
    "codegen-tied": Case(dict(tie_word_embeddings=True, layer_norm_epsilon=1e-3)),
}


def draw(rng):
    heads, per_head = rng.choice((1, 2, 3, 5)), rng.choice((4, 8))
    config = dict(
        vocab_size=rng.randint(40, 90),
        n_embd=heads * per_head,
        n_layer=rng.randint(1, 4),
        n_head=heads,
        rotary_dim=rng.choice(range(2, per_head + 1, 2)),
        n_inner=rng.choice((None, 11, 50)),
        activation_function=rng.choice(("gelu_new", "gelu", "relu")),
        tie_word_embeddings=rng.random() < 0.3,
    )
    return Case(config, rng.randint(8, 60))


FAMILY = Family(
    title="CodeGen",
    model_types=("codegen",),
    base=BASE,
    cases=CASES,
    draw=draw,
    samples=("codegen",),
    supports="as GPT-J; queries, values and keys in one matrix of four parts",
    refuses="a width that is not a multiple of 4, a rotation of more dimensions than a head has",
)

from family_case import Case, Family

BASE = dict(
    vocab_size=61, n_positions=64, n_embd=24, n_layer=2, n_head=3, rotary_dim=4, bos_token_id=0, eos_token_id=0
)
CASES = {
    "gptj": Case(),
    "gptj-whole-head": Case(dict(rotary_dim=8, n_inner=40, activation_function="gelu"), 40),
    "gptj-tied": Case(dict(tie_word_embeddings=True, layer_norm_epsilon=1e-3)),
}


def draw(rng):
    heads, per_head = rng.choice((1, 2, 3, 5)), rng.choice((4, 6, 7, 8))
    config = dict(
        vocab_size=rng.randint(40, 90),
        n_embd=heads * per_head,
        n_layer=rng.randint(1, 4),
        n_head=heads,
        rotary_dim=rng.choice(range(2, per_head + 1, 2)),
        n_inner=rng.choice((None, 11, 50)),
        activation_function=rng.choice(("gelu_new", "gelu", "relu", "silu")),
        layer_norm_epsilon=rng.choice((1e-5, 1e-3)),
        tie_word_embeddings=rng.random() < 0.3,
    )
    return Case(config, rng.randint(8, 60))


FAMILY = Family(
    title="GPT-J",
    model_types=("gptj",),
    base=BASE,
    cases=CASES,
    draw=draw,
    samples=("gptj", "gptj-whole-head"),
    supports="interleaved rotation of a part of each head, parallel blocks with one norm, bias of the unembedding",
    refuses="a rotation of more dimensions than a head has",
)

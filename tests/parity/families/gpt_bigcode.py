from family_case import Case, Family

BASE = dict(vocab_size=61, n_positions=64, n_embd=24, n_layer=2, n_head=4, bos_token_id=0, eos_token_id=0)

CASES = {
    "gpt_bigcode": Case(),
    "gpt_bigcode-many-heads": Case(dict(multi_query=False, n_inner=40, activation_function="gelu"), 40),
    "gpt_bigcode-unscaled": Case(dict(scale_attn_weights=False, tie_word_embeddings=False, layer_norm_epsilon=1e-3)),
    "gpt_bigcode-half-softmax": Case(dict(attention_softmax_in_fp32=False, scale_attention_softmax_in_fp32=False)),
}


def draw(rng):
    heads = rng.choice((1, 2, 3, 5))
    config = dict(
        vocab_size=rng.randint(40, 90),
        n_embd=heads * rng.choice((4, 7, 8)),
        n_layer=rng.randint(1, 4),
        n_head=heads,
        n_inner=rng.choice((None, 11, 50)),
        activation_function=rng.choice(("gelu_pytorch_tanh", "gelu", "relu")),
        multi_query=rng.random() < 0.5,
        scale_attn_weights=rng.random() < 0.7,
        tie_word_embeddings=rng.random() < 0.5,
    )
    return Case(config, rng.randint(8, 60))


FAMILY = Family(
    title="GPT-BigCode (SantaCoder, StarCoder)",
    model_types=("gpt_bigcode",),
    base=BASE,
    cases=CASES,
    draw=draw,
    samples=("gpt_bigcode", "gpt_bigcode-many-heads"),
    supports="learned positions, one key and value for all heads or one for each, scaled or unscaled scores",
    refuses="cross-attention",
)

from family_case import Case, Family

BASE = dict(vocab_size=61, n_positions=48, n_embd=24, n_layer=2, n_head=4, bos_token_id=0, eos_token_id=0)

CASES = {
    "gpt2": Case(),
    "gpt2-untied": Case(dict(tie_word_embeddings=False)),
    "gpt2-layer-scale": Case(dict(scale_attn_by_inverse_layer_idx=True, n_inner=40)),
    "gpt2-unscaled": Case(dict(scale_attn_weights=False, activation_function="gelu")),
    "gpt2-upcast": Case(
        dict(reorder_and_upcast_attn=True, activation_function="relu", layer_norm_epsilon=1e-3)
    ),
    "gpt2-quick-gelu": Case(dict(activation_function="quick_gelu", n_head=1), length=48),
    "gpt2-silu": Case(dict(activation_function="silu", n_layer=1), length=1),
    "gpt2-gelu-tanh": Case(dict(activation_function="gelu_pytorch_tanh")),
}


def draw(rng):
    heads = rng.choice((1, 2, 3, 5))
    config = dict(
        vocab_size=rng.randint(40, 90),
        n_embd=heads * rng.choice((4, 7, 8)),
        n_layer=rng.randint(1, 4),
        n_head=heads,
        n_inner=rng.choice((None, 11, 50)),
        activation_function=rng.choice(("gelu_new", "gelu", "relu", "silu", "quick_gelu")),
        layer_norm_epsilon=rng.choice((1e-5, 1e-3)),
        scale_attn_weights=rng.random() < 0.7,
        scale_attn_by_inverse_layer_idx=rng.random() < 0.3,
        reorder_and_upcast_attn=rng.random() < 0.3,
        tie_word_embeddings=rng.random() < 0.5,
    )
    return Case(config, rng.randint(8, 48))


FAMILY = Family(
    title="GPT-2",
    model_types=("gpt2",),
    base=BASE,
    cases=CASES,
    draw=draw,
    samples=("gpt2", "gpt2-untied", "gpt2-layer-scale", "gpt2-unscaled"),
    supports="learned positions, fused qkv, attention scaled by layer or not at all, tied or own unembedding",
    refuses="cross-attention, pruned heads",
)

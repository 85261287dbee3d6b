from families.phi import draw_partial
from family_case import Case, Family, rope

BASE = dict(
    vocab_size=61,
    hidden_size=32,
    intermediate_size=40,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=4,
    max_position_embeddings=64,
)

CASES = {
    "stablelm": Case(),
    "stablelm-biases": Case(dict(use_qkv_bias=True, tie_word_embeddings=True), older=True),
    "stablelm-parallel": Case(dict(use_parallel_residual=True, qk_layernorm=True, num_key_value_heads=2)),
    "stablelm-query-key-norm": Case(dict(qk_layernorm=True, layer_norm_eps=1e-3), older=True),
    "stablelm-whole": Case(rope(partial_rotary_factor=1.0) | dict(hidden_act="gelu"), 40),
}


def draw(rng):
    config, length, cached = draw_partial(rng)
    config |= dict(
        use_qkv_bias=rng.random() < 0.5,
        qk_layernorm=rng.random() < 0.5,
        use_parallel_residual=rng.random() < 0.5,
        layer_norm_eps=rng.choice((1e-5, 1e-3)),
    )
    return Case(config, length, cached, older=rng.random() < 0.5)


FAMILY = Family(
    title="StableLM",
    model_types=("stablelm",),
    base=BASE,
    cases=CASES,
    draw=draw,
    samples=("stablelm", "stablelm-parallel"),
    supports="LayerNorm, partial rotation, biases of queries, keys and values, a LayerNorm for each head of queries and keys, "
    "parallel blocks",
    refuses="a `head_dim` other than hidden_size / num_attention_heads",
)

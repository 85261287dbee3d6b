from family_case import Case, Family

BASE = dict(vocab_size=61, d_model=24, n_layers=2, n_heads=4, max_seq_len=64, bos_token_id=0, eos_token_id=0)

CASES = {
    "mpt": Case(dict(attn_config=dict(clip_qkv=0.8))),
    "mpt-three-heads": Case(dict(n_heads=3, layer_norm_epsilon=1e-3), 60),
    "mpt-settings": Case(dict(n_heads=6, tie_word_embeddings=False, attn_config=dict(softmax_scale=0.3)), 60),
}


def draw(rng):
    heads = rng.randint(1, 13)
    attention = dict(clip_qkv=rng.choice((None, 0.3, 1.0)), softmax_scale=rng.choice((None, 0.2)))
    config = dict(
        vocab_size=rng.randint(40, 90),
        d_model=heads * rng.choice((4, 6)),
        n_layers=rng.randint(1, 4),
        n_heads=heads,
        attn_config=attention,
        tie_word_embeddings=rng.random() < 0.7,
    )
    return Case(config, rng.randint(8, 60))


FAMILY = Family(
    title="MPT",
    model_types=("mpt",),
    base=BASE,
    cases=CASES,
    draw=draw,
    samples=("mpt",),
    supports="ALiBi with any number of heads, limited queries, keys and values (`clip_qkv`), `softmax_scale`",
    refuses="`alibi` false, an `alibi_bias_max` other than 8, `qk_ln`, `prefix_lm`, biases, `logit_scale`, multi-query attention, which `transformers` would ignore",
)

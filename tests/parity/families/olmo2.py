from family_case import Case, Family, draw_decoder, draw_rope, rope

BASE = dict(
    vocab_size=61,
    hidden_size=24,
    intermediate_size=40,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    max_position_embeddings=64,
    pad_token_id=1,
    eos_token_id=2,
)

CASES = {
    "olmo2": Case(),
    "olmo2-own-heads": Case(dict(num_key_value_heads=None, tie_word_embeddings=True), older=True),
    "olmo2-biases": Case(dict(attention_bias=True, rms_norm_eps=1e-3)),
    "olmo2-head-dim": Case(dict(head_dim=10) | rope(theta=500000.0), 40, older=True),
}


def draw(rng):
    length = rng.randint(12, 60)
    scaling, cached = draw_rope(rng, 64, length)
    config = draw_decoder(rng) | scaling | dict(attention_bias=rng.random() < 0.4, pad_token_id=1)
    return Case(config, length, cached, older=rng.random() < 0.5)


FAMILY = Family(
    title="OLMo 2",
    model_types=("olmo2",),
    base=BASE,
    cases=CASES,
    draw=draw,
    samples=("olmo2",),
    supports="norms after the sublayers only, one norm over all queries and one over all keys, rotary scaling as Llama",
    refuses="a partial rotation",
)

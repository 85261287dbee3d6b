from family_case import DECODER, Case, Family, draw_rotary, rope

CASES = {
    "olmo": Case(dict(clip_qkv=0.8)),
    "olmo-unlimited": Case(dict(tie_word_embeddings=True, attention_bias=True), older=True),
    "olmo-own-heads": Case(dict(num_key_value_heads=None, head_dim=10) | rope(theta=500000.0), 40, older=True),
}


def draw(rng):
    config, length, cached = draw_rotary(rng)
    config |= dict(clip_qkv=rng.choice((None, 0.3, 1.0)), attention_bias=rng.random() < 0.4)
    return Case(config, length, cached, older=rng.random() < 0.5)


FAMILY = Family(
    title="OLMo",
    model_types=("olmo",),
    base=DECODER,
    cases=CASES,
    draw=draw,
    samples=("olmo",),
    supports="LayerNorm without gain, limited queries, keys and values (`clip_qkv`), rotary scaling as Llama",
    refuses="a partial rotation",
)

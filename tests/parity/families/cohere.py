from family_case import DECODER, Case, Family, draw_rotary, rope

BASE = DECODER | dict(logit_scale=0.4)

CASES = {
    "cohere": Case(dict(use_qk_norm=True)),
    "cohere-plain": Case(dict(attention_bias=True, logit_scale=1.5, layer_norm_eps=1e-3), older=True),
    "cohere-untied": Case(dict(tie_word_embeddings=False, num_key_value_heads=None, hidden_act="gelu"), older=True),
    "cohere-head-dim": Case(dict(use_qk_norm=True, head_dim=10) | rope("linear", factor=4.0), 40),
}


def draw(rng):
    config, length, cached = draw_rotary(rng)
    config |= dict(
        use_qk_norm=rng.random() < 0.5, attention_bias=rng.random() < 0.3, logit_scale=rng.choice((0.0625, 1.0, 2.0))
    )
    return Case(config, length, cached, older=rng.random() < 0.5)


FAMILY = Family(
    title="Cohere (Command R)",
    model_types=("cohere",),
    base=BASE,
    cases=CASES,
    draw=draw,
    samples=("cohere",),
    supports="parallel blocks with one LayerNorm without bias, interleaved rotation and its scalings, scaled logits, a norm of "
    "queries and keys with gains for each head",
    refuses="a partial rotation",
)

from family_case import DECODER, Case, Family, draw_rotary, rope

MULTIPLIERS = dict(embedding_multiplier=3.3, residual_multiplier=0.22, attention_multiplier=0.3, logits_scaling=1.7)
BASE = DECODER | MULTIPLIERS

CASES = {
    "granite": Case(),
    "granite-plain": Case(
        dict(embedding_multiplier=1.0, residual_multiplier=1.0, attention_multiplier=1.0, logits_scaling=1.0), older=True
    ),
    "granite-biases": Case(dict(attention_bias=True, mlp_bias=True, head_dim=10, tie_word_embeddings=True)),
    "granite-own-heads": Case(rope("linear", factor=4.0) | dict(num_key_value_heads=None), 40, older=True),
}


def draw_multipliers(rng):
    return dict(
        embedding_multiplier=rng.choice((1.0, 5.0, 2)),
        residual_multiplier=rng.choice((1.0, 0.22)),
        attention_multiplier=rng.choice((0.1, 0.4)),
        logits_scaling=rng.choice((1.0, 0.7, 4)),
    )


def draw(rng):
    config, length, cached = draw_rotary(rng)
    config |= draw_multipliers(rng) | dict(attention_bias=rng.random() < 0.3, mlp_bias=rng.random() < 0.3)
    return Case(config, length, cached, older=rng.random() < 0.5)


FAMILY = Family(
    title="Granite",
    model_types=("granite",),
    base=BASE,
    cases=CASES,
    draw=draw,
    samples=("granite",),
    supports="as Llama; multipliers of the embedding, of scores, of what sublayers add, and of logits",
    refuses="a partial rotation",
)

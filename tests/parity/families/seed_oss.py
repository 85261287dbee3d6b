from family_case import DECODER, Case, Family, draw_rotary, rope

BASE = DECODER | dict(head_dim=8)

CASES = {
    "seed_oss": Case(),
    "seed_oss-biases": Case(dict(attention_out_bias=True, mlp_bias=True, tie_word_embeddings=True), older=True),
    "seed_oss-no-bias": Case(dict(attention_bias=False, num_key_value_heads=None, head_dim=None, rms_norm_eps=1e-3)),
    "seed_oss-linear": Case(rope("linear", factor=4.0), 40, older=True),
}


def draw(rng):
    config, length, cached = draw_rotary(rng)
    config |= dict(
        attention_bias=rng.random() < 0.6, attention_out_bias=rng.random() < 0.4, mlp_bias=rng.random() < 0.4
    )
    config.setdefault("head_dim", None)
    return Case(config, length, cached, older=rng.random() < 0.5)


FAMILY = Family(
    title="Seed-OSS",
    model_types=("seed_oss",),
    base=BASE,
    cases=CASES,
    draw=draw,
    samples=("seed_oss",),
    supports="as Llama; biases of queries, keys and values, of the output of attention, of the MLP",
    refuses="a partial rotation",
)

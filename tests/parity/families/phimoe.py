from families.mixtral import BASE as MIXTRAL
from family_case import Case, Family, draw_decoder, rope

BASE = MIXTRAL | dict(sliding_window=None)


def longrope(short, long, short_mscale=1.2, long_mscale=1.2, trained=16):
    return rope(
        "longrope",
        short_factor=short,
        long_factor=long,
        short_mscale=short_mscale,
        long_mscale=long_mscale,
        original_max_position_embeddings=trained,
    )


SHORT, LONG = [1.0, 1.3], [1.0, 6.0]

CASES = {
    "phimoe": Case(dict(attention_bias=True, lm_head_bias=True)),
    "phimoe-longrope": Case(longrope(SHORT, LONG, 1.1, 1.4) | dict(attention_bias=True), 24, older=True),
    "phimoe-longrope-short": Case(longrope(SHORT, LONG, 1.1, 1.4) | dict(lm_head_bias=True), 14),
    # Both rows are long from the first part of the cache on.
    "phimoe-longrope-far": Case(longrope(SHORT, LONG), 48, older=True),
    "phimoe-window": Case(dict(sliding_window=5, tie_word_embeddings=True) | rope(theta=500.0), 40, older=True),
    "phimoe-jitter": Case(dict(router_jitter_noise=0.3, num_local_experts=7, rms_norm_eps=1e-3)),
    "phimoe-two-experts": Case(dict(router_jitter_noise=0.0, num_local_experts=2, hidden_act="gelu", head_dim=8)),
}


def draw(rng):
    length = rng.randint(12, 60)
    config = draw_decoder(rng, head_dim=False) | dict(
        sliding_window=rng.choice((None, None, 6)),
        num_local_experts=rng.randint(2, 6),
        # Published: 0.01. With much more, the rounding of bfloat16 alone decides which experts compete.
        router_jitter_noise=rng.choice((0.0, 0.01, 0.02)),
        attention_bias=rng.random() < 0.5,
        lm_head_bias=rng.random() < 0.5,
    )
    if rng.random() < 0.5:
        return Case(config | rope(theta=rng.choice((1e4, 500.0))), length, older=rng.random() < 0.5)
    pairs = config["hidden_size"] // config["num_attention_heads"] // 2
    factors = ([rng.uniform(1, 4) for _ in range(pairs)] for _ in range(2))
    trained = rng.choice((8, 16, 64))
    config |= longrope(*factors, rng.choice((1.0, 1.2)), rng.choice((1.2, 1.5)), trained)
    grows = length - 4 <= trained < length or length // 2 - 4 <= trained < length // 2
    return Case(config, length, cached=not grows, older=rng.random() < 0.5)


FAMILY = Family(
    title="Phi-3.5-MoE",
    model_types=("phimoe",),
    base=BASE,
    cases=CASES,
    draw=draw,
    samples=("phimoe", "phimoe-longrope"),
    supports="as Mixtral with LayerNorm; two experts by SparseMixer (`router_jitter_noise`), biases of attention and of the "
    "unembedding, a window in every layer or none, `longrope` with `short_mscale` and `long_mscale` (long texts too rotate "
    "by `short_factor`, as `transformers` has it)",
    refuses="`num_experts_per_tok` other than 2, other rotary scalings, `layer_types`, a partial rotation",
    mixture=True,
    cliff=True,
    # Experts far apart: else it is rounding to bfloat16 that decides which one a token goes to.
    wider={"mlp.router.weight": 2.0},
)

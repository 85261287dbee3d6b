from family_case import DECODER, Case, Family, draw_rotary, rope

CASES = {
    "starcoder2": Case(dict(sliding_window=5)),
    "starcoder2-whole": Case(dict(norm_epsilon=1e-3), older=True),
    "starcoder2-no-bias": Case(dict(use_bias=False, tie_word_embeddings=False, head_dim=8, hidden_act="gelu"), older=True),
    "starcoder2-yarn": Case(rope("yarn", factor=2.0, original_max_position_embeddings=16), 40),
}


def draw(rng):
    config, length, cached = draw_rotary(rng)
    config |= dict(sliding_window=rng.choice((None, 2, 7, 16)), use_bias=rng.random() < 0.6)
    return Case(config, length, cached, older=rng.random() < 0.5)


FAMILY = Family(
    title="StarCoder2",
    model_types=("starcoder2",),
    base=DECODER,
    cases=CASES,
    draw=draw,
    samples=("starcoder2",),
    supports="as Llama with LayerNorm, biases everywhere or nowhere, an MLP without gate, a sliding window in every layer or none",
    refuses="`layer_types`, a partial rotation",
)

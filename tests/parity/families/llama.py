from family_case import Case, Family, draw_decoder, draw_rope, rope

BASE = dict(
    vocab_size=61,
    hidden_size=24,
    intermediate_size=40,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=4,
    max_position_embeddings=64,
    bos_token_id=1,
    eos_token_id=2,
)
LLAMA3 = rope(
    "llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=16
)
YARN = rope("yarn", factor=4.0, original_max_position_embeddings=16)
YARN_MSCALE = rope(
    "yarn",
    factor=4.0,
    original_max_position_embeddings=16,
    mscale=0.8,
    mscale_all_dim=0.4,
    beta_fast=24.0,
    beta_slow=2.0,
    truncate=False,
)
YARN_FACTOR = rope("yarn", factor=2.0, original_max_position_embeddings=32, attention_factor=1.3)
LONGROPE = rope(
    "longrope",
    short_factor=[1.0, 1.1, 1.2],
    long_factor=[1.0, 2.0, 5.0],
    factor=4.0,
    original_max_position_embeddings=16,
)

# Lengths beyond `original_max_position_embeddings` (or, for dynamic scaling, `max_position_embeddings`)
# are where each rotary scaling differs.
CASES = {
    "llama": Case(),
    "llama-tied": Case(dict(tie_word_embeddings=True), older=True),
    "llama-gqa": Case(dict(num_key_value_heads=2)),
    "llama-mqa": Case(dict(num_key_value_heads=1, hidden_act="gelu_new"), older=True),
    "llama-biases": Case(dict(attention_bias=True, mlp_bias=True, rms_norm_eps=1e-3)),
    "llama-head-dim": Case(dict(head_dim=16, num_key_value_heads=2), older=True),
    "llama-theta": Case(rope(theta=500000.0) | dict(num_key_value_heads=2), 64),
    "llama-linear": Case(rope("linear", factor=4.0), 40, older=True),
    "llama-dynamic": Case(rope("dynamic", factor=4.0) | dict(max_position_embeddings=16), 40, cached=False),
    "llama-dynamic-short": Case(rope("dynamic", factor=4.0), older=True),
    "llama-llama3": Case(LLAMA3 | dict(head_dim=16, num_key_value_heads=2), 40, older=True),
    "llama-yarn": Case(YARN | dict(head_dim=16), 40),
    "llama-yarn-mscale": Case(YARN_MSCALE, 40, older=True),
    "llama-yarn-attention-factor": Case(YARN_FACTOR, 64),
    "llama-longrope": Case(LONGROPE, 48, older=True),
}


def draw(rng):
    length = rng.randint(12, 60)
    scaling, cached = draw_rope(rng, 32, length)
    config = draw_decoder(rng) | scaling
    config |= dict(
        max_position_embeddings=32 if scaling["rope_parameters"]["rope_type"] == "dynamic" else 64,
        hidden_act=rng.choice(("silu", "gelu", "gelu_pytorch_tanh", "relu")),
        attention_bias=rng.random() < 0.3,
        mlp_bias=rng.random() < 0.3,
        rms_norm_eps=rng.choice((1e-6, 1e-5, 1e-3)),
    )
    if scaling["rope_parameters"]["rope_type"] == "dynamic":
        length = min(length, 48)
    return Case(config, length, cached, older=rng.random() < 0.5)


FAMILY = Family(
    title="Llama 1, 2, 3.x",
    model_types=("llama",),
    base=BASE,
    cases=CASES,
    draw=draw,
    samples=(
        "llama",
        "llama-tied",
        "llama-gqa",
        "llama-biases",
        "llama-head-dim",
        "llama-linear",
        "llama-dynamic",
        "llama-llama3",
        "llama-yarn",
        "llama-yarn-mscale",
    ),
    supports="grouped queries, any head size, biases, rotary scaling `linear`, `dynamic`, `llama3`, `yarn`, `longrope`",
    refuses="a partial rotation",
)

from family_case import DECODER, Case, Family, draw_decoder, draw_layer_types, rope

YARN = dict(factor=4.0, original_max_position_embeddings=16, truncate=False)
BASE = DECODER | dict(
    hidden_size=16, intermediate_size=20, head_dim=6, num_local_experts=4, num_experts_per_tok=2, sliding_window=5
)
BASE |= rope("yarn", 150000.0, **YARN)

CASES = {
    "gpt_oss": Case(length=40),
    "gpt_oss-limited": Case(dict(swiglu_limit=0.1, swiglu_alpha=1.0, tie_word_embeddings=True), 40),
    "gpt_oss-full": Case(dict(layer_types=["full_attention"] * 2, attention_bias=False, rms_norm_eps=1e-3)),
    "gpt_oss-one-of-many": Case(dict(num_local_experts=7, num_experts_per_tok=1) | rope(theta=5000.0), older=True),
    "gpt_oss-own-settings": Case(dict(rope_parameters=None)),
}


def draw(rng):
    experts = rng.randint(1, 6)
    config = draw_decoder(rng) | rope("yarn", rng.choice((150000.0, 1000.0)), **YARN)
    config |= dict(
        num_local_experts=experts,
        num_experts_per_tok=rng.randint(1, experts),
        sliding_window=rng.choice((2, 7)),
        swiglu_limit=rng.choice((7.0, 0.3)),
    )
    config.setdefault("head_dim", 6)
    if rng.random() < 0.5:
        config |= dict(layer_types=draw_layer_types(rng, config["num_hidden_layers"]))
    return Case(config, rng.randint(12, 60), older=rng.random() < 0.5)


FAMILY = Family(
    title="gpt-oss",
    model_types=("gpt_oss",),
    base=BASE,
    cases=CASES,
    draw=draw,
    samples=("gpt_oss",),
    supports="a sink for each head, a mixture with biases and a clipped gate, windows in every other layer or by `layer_types`, "
    "rotary scaling as Llama",
    refuses="a partial rotation",
    mixture=True,
    wider={"mlp.router.weight": 2.0, "sinks": 1.0},
)

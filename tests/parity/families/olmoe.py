from family_case import DECODER, Case, Family, draw_rotary

BASE = DECODER | dict(hidden_size=16, intermediate_size=20, num_experts=4, num_experts_per_tok=2)

CASES = {
    "olmoe": Case(),
    "olmoe-normed": Case(dict(norm_topk_prob=True, clip_qkv=0.8, tie_word_embeddings=True), 40, older=True),
    "olmoe-one-of-many": Case(dict(num_experts=7, num_experts_per_tok=1, attention_bias=True), older=True),
    "olmoe-all": Case(dict(num_experts=3, num_experts_per_tok=3, num_key_value_heads=None, hidden_act="gelu")),
}


def draw_experts(rng):
    experts = rng.randint(1, 6)
    return dict(num_experts=experts, num_experts_per_tok=rng.randint(1, experts), norm_topk_prob=rng.random() < 0.5)


def draw(rng):
    config, length, cached = draw_rotary(rng, kinds=("default", "linear"), head_dim=False)
    config |= draw_experts(rng) | dict(clip_qkv=rng.choice((None, 0.5)))
    return Case(config, length, cached, older=rng.random() < 0.5)


FAMILY = Family(
    title="OLMoE",
    model_types=("olmoe",),
    base=BASE,
    cases=CASES,
    draw=draw,
    samples=("olmoe",),
    supports="one norm over all queries and one over all keys, `clip_qkv`, a mixture whose shares are renormalised or not",
    refuses="a `head_dim` other than hidden_size / num_attention_heads, a window, a partial rotation",
    mixture=True,
    # Experts far apart: else it is rounding to bfloat16 that decides which one a token goes to.
    wider={"mlp.gate.weight": 2.0},
)

from families.olmoe import draw_experts
from family_case import DECODER, Case, Family, draw_layer_types, draw_rotary

EXPERTS = dict(num_experts=4, num_experts_per_tok=2, moe_intermediate_size=20)
BASE = DECODER | EXPERTS | dict(hidden_size=16, shared_expert_intermediate_size=12)
WINDOW = dict(use_sliding_window=True, sliding_window=5)

CASES = {
    "qwen2_moe": Case(),
    "qwen2_moe-normed": Case(dict(norm_topk_prob=True, qkv_bias=False, tie_word_embeddings=True), older=True),
    "qwen2_moe-window": Case(WINDOW | dict(num_hidden_layers=4, max_window_layers=2), 40),
    "qwen2_moe-layer-types": Case(WINDOW | dict(layer_types=["full_attention", "sliding_attention"]), 40),
    "qwen2_moe-one-of-many": Case(dict(num_experts=7, num_experts_per_tok=1, head_dim=8), older=True),
}


def draw(rng):
    config, length, cached = draw_rotary(rng, kinds=("default", "linear"))
    config |= draw_experts(rng) | dict(moe_intermediate_size=rng.randint(9, 30), qkv_bias=rng.random() < 0.6)
    if rng.random() < 0.5:
        config |= WINDOW | dict(layer_types=draw_layer_types(rng, config["num_hidden_layers"]))
    return Case(config, length, cached, older=rng.random() < 0.5)


FAMILY = Family(
    title="Qwen1.5-MoE, Qwen2-MoE",
    model_types=("qwen2_moe",),
    base=BASE,
    cases=CASES,
    draw=draw,
    samples=("qwen2_moe",),
    supports="as Qwen2; a mixture whose shares are renormalised or not, with an expert for every token; windows by "
    "`max_window_layers` or `layer_types`",
    refuses="layers without a mixture (`mlp_only_layers`, `decoder_sparse_step`), a partial rotation",
    mixture=True,
    wider={"mlp.gate.weight": 2.0},
)

from families.olmoe import draw_experts
from families.qwen2_moe import EXPERTS
from family_case import DECODER, Case, Family, draw_rotary

BASE = DECODER | EXPERTS | dict(hidden_size=16)

CASES = {
    "qwen3_moe": Case(dict(norm_topk_prob=True, head_dim=6)),
    "qwen3_moe-plain": Case(dict(attention_bias=True, tie_word_embeddings=True), older=True),
    "qwen3_moe-window": Case(dict(use_sliding_window=True, sliding_window=5), 40),
    "qwen3_moe-one-of-many": Case(dict(num_experts=7, num_experts_per_tok=1), older=True),
}


def draw(rng):
    config, length, cached = draw_rotary(rng, kinds=("default", "linear"))
    config |= draw_experts(rng) | dict(moe_intermediate_size=rng.randint(9, 30), attention_bias=rng.random() < 0.4)
    if rng.random() < 0.4:
        config |= dict(use_sliding_window=True, sliding_window=rng.choice((3, 9)))
    return Case(config, length, cached, older=rng.random() < 0.5)


FAMILY = Family(
    title="Qwen3-MoE",
    model_types=("qwen3_moe",),
    base=BASE,
    cases=CASES,
    draw=draw,
    samples=("qwen3_moe",),
    supports="as Qwen3; a mixture whose shares are renormalised or not; one window for all layers or none",
    refuses="layers without a mixture (`mlp_only_layers`, `decoder_sparse_step`), `layer_types`, a partial rotation",
    mixture=True,
    wider={"mlp.gate.weight": 2.0},
)

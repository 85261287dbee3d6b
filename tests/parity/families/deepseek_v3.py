from families.deepseek_v2 import BASE as V2
from families.deepseek_v2 import YARN, draw_groups, draw_latent
from family_case import Case, Family, rope

BASE = V2 | dict(n_shared_experts=1, n_routed_experts=6, n_group=3, topk_group=2)
SCALED = rope("yarn", mscale=1.0, mscale_all_dim=1.0, **YARN)

CASES = {
    "deepseek_v3": Case(SCALED, 40),
    "deepseek_v3-own-queries": Case(dict(q_lora_rank=None, norm_topk_prob=False, tie_word_embeddings=True), older=True),
    "deepseek_v3-halves": Case(dict(rope_interleave=False, attention_bias=True, rms_norm_eps=1e-3) | SCALED, 40, older=True),
    "deepseek_v3-one-group": Case(dict(n_group=1, topk_group=1, num_experts_per_tok=5, first_k_dense_replace=0)),
    "deepseek_v3-unscaled": Case(dict(routed_scaling_factor=1.0, n_shared_experts=3, hidden_act="gelu") | rope("yarn", **YARN), 40),
    "deepseek_v3-dense": Case(dict(first_k_dense_replace=3)),
}


def draw(rng):
    config, length, cached = draw_latent(rng)
    config |= draw_groups(rng, smallest=2)
    config |= dict(rope_interleave=rng.random() < 0.5, norm_topk_prob=rng.random() < 0.5)
    return Case(config, length, cached, older=rng.random() < 0.5)


FAMILY = Family(
    title="DeepSeek-V3, R1",
    model_types=("deepseek_v3",),
    base=BASE,
    cases=CASES,
    draw=draw,
    samples=("deepseek_v3",),
    supports="as DeepSeek-V2; experts by sigmoids with a correction of the choice, groups by their two best experts, shares "
    "renormalised or not, paired or halved rotation; the layer of the published weights that predicts a further token is "
    "left out",
    refuses="a `scoring_func` other than `sigmoid`, a "
    "`topk_method` other than `noaux_tc`, `num_key_value_heads` other than the number of heads, a partial rotation",
    mixture=True,
    wider={"mlp.gate.weight": 2.0, "e_score_correction_bias": 0.3},
)

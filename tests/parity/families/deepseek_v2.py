from family_case import DECODER, Case, Family, draw_rope, rope

LATENT = dict(q_lora_rank=10, kv_lora_rank=12, qk_nope_head_dim=6, qk_rope_head_dim=4, v_head_dim=5)
EXPERTS = dict(n_routed_experts=6, num_experts_per_tok=2, moe_intermediate_size=10, n_shared_experts=2)
BASE = DECODER | LATENT | EXPERTS | dict(num_key_value_heads=4, num_hidden_layers=3, first_k_dense_replace=1)
GROUPS = dict(topk_method="group_limited_greedy", n_group=3, topk_group=2)
YARN = dict(factor=4.0, original_max_position_embeddings=16)
# Of the published V2 and V2-Lite.
SCALED = rope("yarn", mscale=0.707, mscale_all_dim=0.707, beta_fast=32, beta_slow=1, **YARN)

CASES = {
    "deepseek_v2": Case(GROUPS | SCALED | dict(routed_scaling_factor=1.5), 40),
    "deepseek_v2-lite": Case(dict(q_lora_rank=None, tie_word_embeddings=True) | SCALED, older=True),
    "deepseek_v2-biases": Case(dict(attention_bias=True, mlp_bias=True, hidden_act="gelu", rms_norm_eps=1e-3)),
    "deepseek_v2-two-scales": Case(GROUPS | rope("yarn", 5000.0, mscale=1.0, mscale_all_dim=0.5, **YARN), 40),
    "deepseek_v2-all-experts": Case(dict(first_k_dense_replace=0, num_experts_per_tok=6, n_shared_experts=1)),
    "deepseek_v2-dense": Case(dict(first_k_dense_replace=3) | rope("linear", factor=2.0, mscale_all_dim=1.0)),
}


def draw_latent(rng):
    """Sizes of latent attention and of everything else, the prompt's length, and whether a cache may be used."""
    heads, length = rng.choice((1, 2, 3, 4)), rng.randint(12, 60)
    scaling, cached = draw_rope(rng, 64, length)
    if rng.random() < 0.5:
        scaling["rope_parameters"]["mscale_all_dim"] = rng.choice((0.707, 1.0))
        scaling["rope_parameters"].setdefault("factor", 1.0)
    config = dict(
        vocab_size=rng.randint(40, 90),
        hidden_size=heads * rng.choice((6, 8, 10)),
        intermediate_size=rng.randint(9, 50),
        num_hidden_layers=rng.randint(2, 4),
        num_attention_heads=heads,
        num_key_value_heads=heads,
        tie_word_embeddings=rng.random() < 0.5,
        q_lora_rank=rng.choice((None, rng.randint(4, 20))),
        # Even, since transformers views the rotary part next to them as complex numbers.
        kv_lora_rank=2 * rng.randint(2, 10),
        qk_nope_head_dim=2 * rng.randint(1, 5),
        qk_rope_head_dim=rng.choice((4, 6, 8)),
        v_head_dim=rng.randint(2, 12),
        attention_bias=rng.random() < 0.4,
        first_k_dense_replace=rng.randint(0, 2),
        moe_intermediate_size=rng.randint(6, 20),
        n_shared_experts=rng.randint(1, 3),
        routed_scaling_factor=rng.choice((1.0, 2.5)),
    )
    return config | scaling, length, cached


def draw_groups(rng, smallest=1):
    """Groups of experts, of which a token reaches at least one expert for each of its choices."""
    groups, size = rng.randint(1, 3), rng.randint(smallest, 3)
    reached = rng.randint(1, groups)
    return dict(
        n_routed_experts=groups * size,
        n_group=groups,
        topk_group=reached,
        num_experts_per_tok=rng.randint(1, reached * size),
    )


def draw(rng):
    config, length, cached = draw_latent(rng)
    method = rng.choice(("greedy", "group_limited_greedy"))
    config |= draw_groups(rng) | dict(topk_method=method, mlp_bias=rng.random() < 0.3)
    return Case(config, length, cached, older=rng.random() < 0.5)


FAMILY = Family(
    title="DeepSeek-V2",
    model_types=("deepseek_v2",),
    base=BASE,
    cases=CASES,
    draw=draw,
    samples=("deepseek_v2", "deepseek_v2-lite"),
    supports="latent attention with or without a latent vector of queries, a cache of latent vectors; routed and shared "
    "experts, groups of experts (`topk_method`), dense first layers; rotary scaling as Llama, the scale of the scores by "
    "`mscale_all_dim`",
    refuses="`norm_topk_prob`, a `scoring_func` other than `softmax`, other `topk_method`s, `num_key_value_heads` other "
    "than the number of heads, a partial rotation",
    mixture=True,
    wider={"mlp.gate.weight": 2.0},
)

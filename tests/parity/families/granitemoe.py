from families.granite import MULTIPLIERS, draw_multipliers
from family_case import DECODER, Case, Family, draw_rotary

BASE = DECODER | MULTIPLIERS | dict(hidden_size=16, intermediate_size=20, num_local_experts=4, num_experts_per_tok=2)

CASES = {
    "granitemoe": Case(),
    "granitemoe-one-of-many": Case(dict(num_local_experts=7, num_experts_per_tok=1, tie_word_embeddings=True), older=True),
    "granitemoe-biases": Case(dict(attention_bias=True, head_dim=6, num_key_value_heads=None), older=True),
}


def draw(rng):
    config, length, cached = draw_rotary(rng, kinds=("default", "linear"))
    experts = rng.randint(1, 6)
    config |= draw_multipliers(rng) | dict(num_local_experts=experts, num_experts_per_tok=rng.randint(1, experts))
    return Case(config, length, cached, older=rng.random() < 0.5)


FAMILY = Family(
    title="GraniteMoE",
    model_types=("granitemoe",),
    base=BASE,
    cases=CASES,
    draw=draw,
    samples=("granitemoe",),
    supports="as Granite; a mixture of experts for each MLP, any number of experts a token",
    refuses="a partial rotation",
    mixture=True,
    wider={"router.weight": 2.0},
)

from families.mistral import BASE as MISTRAL
from family_case import Case, Family, draw_decoder, draw_rope

BASE = MISTRAL | dict(hidden_size=16, intermediate_size=20, num_local_experts=4, num_experts_per_tok=2)

CASES = {
    "mixtral": Case(dict(sliding_window=None)),
    "mixtral-window": Case(older=True),
    "mixtral-one-of-many": Case(dict(num_local_experts=7, num_experts_per_tok=1, tie_word_embeddings=True)),
    "mixtral-all": Case(dict(num_local_experts=3, num_experts_per_tok=3, hidden_act="gelu")),
}


def draw(rng):
    length = rng.randint(12, 60)
    scaling, cached = draw_rope(rng, 64, length, kinds=("default", "linear"))
    experts = rng.randint(1, 6)
    config = draw_decoder(rng) | scaling
    config |= dict(
        sliding_window=rng.choice((None, None, 6)),
        num_local_experts=experts,
        num_experts_per_tok=rng.randint(1, experts),
    )
    return Case(config, length, cached, older=rng.random() < 0.5)


FAMILY = Family(
    title="Mixtral",
    model_types=("mixtral",),
    base=BASE,
    cases=CASES,
    draw=draw,
    samples=("mixtral",),
    supports="as Mistral; a mixture of experts for each MLP, any number of experts a token",
    refuses="`layer_types`, a partial rotation",
    mixture=True,
    # Experts far apart: else it is rounding to bfloat16 that decides which one a token goes to.
    wider={"mlp.gate.weight": 2.0},
)

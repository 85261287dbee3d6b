from families.mistral import BASE as MISTRAL
from family_case import Case, Family, draw_layer_types, draw_rotary, rope

BASE = MISTRAL | dict(head_dim=8)

CASES = {
    "ministral": Case(dict(layer_types=["sliding_attention", "full_attention"])),
    "ministral-all": Case(dict(tie_word_embeddings=True), older=True),
    "ministral-whole": Case(dict(layer_types=["full_attention"] * 2) | rope("linear", factor=4.0), 40, older=True),
}


def draw(rng):
    config, length, cached = draw_rotary(rng)
    config |= dict(sliding_window=rng.choice((2, 7, 64)))
    config.setdefault("head_dim", 6)
    if rng.random() < 0.7:
        config |= dict(layer_types=draw_layer_types(rng, config["num_hidden_layers"]))
    return Case(config, length, cached, older=rng.random() < 0.5)


FAMILY = Family(
    title="Ministral",
    model_types=("ministral",),
    base=BASE,
    cases=CASES,
    draw=draw,
    samples=("ministral",),
    supports="as Mistral; a sliding window in every layer or by `layer_types`",
    refuses="a partial rotation",
)

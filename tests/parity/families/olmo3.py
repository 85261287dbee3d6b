from families.gemma3 import ropes
from family_case import DECODER, Case, Family, draw_decoder, draw_layer_types

BASE = DECODER | dict(sliding_window=5)
YARN = dict(rope_type="yarn", factor=4.0, original_max_position_embeddings=16)
KINDS = ["sliding_attention", "full_attention"]

CASES = {
    "olmo3": Case(ropes(5e5, 5e5, **YARN) | dict(layer_types=KINDS), 40),
    "olmo3-pattern": Case(dict(num_hidden_layers=5, attention_bias=True)),
    "olmo3-older": Case(ropes(3000.0, 5e5, **YARN) | dict(num_hidden_layers=4), 40, older=True),
    "olmo3-bases": Case(ropes(5000.0, 200.0) | dict(layer_types=KINDS, head_dim=10, tie_word_embeddings=True), 40),
    "olmo3-whole": Case(dict(layer_types=["full_attention"] * 2), older=True),
}


def older(config):
    """`rope_theta` and `rope_scaling` of full layers; windowed ones have the base of the class."""
    both = config.pop("rope_parameters")
    full = dict(both["full_attention"])
    assert both["sliding_attention"] == dict(rope_type="default", rope_theta=5e5)
    config["rope_theta"] = full.pop("rope_theta")
    config["rope_scaling"] = None if full["rope_type"] == "default" else full


def draw(rng):
    config = draw_decoder(rng) | dict(sliding_window=rng.choice((1, 3, 8, 64)), attention_bias=rng.random() < 0.4)
    scaling = rng.choice(({}, dict(rope_type="linear", factor=4.0), YARN))
    is_older = rng.random() < 0.5
    config |= ropes(rng.choice((5e5, 5000.0)), 5e5 if is_older else rng.choice((1e4, 100.0)), **scaling)
    if rng.random() < 0.7:
        config |= dict(layer_types=draw_layer_types(rng, config["num_hidden_layers"]))
    return Case(config, rng.randint(12, 60), older=is_older)


FAMILY = Family(
    title="OLMo 3",
    model_types=("olmo3",),
    base=BASE,
    cases=CASES,
    draw=draw,
    samples=("olmo3",),
    supports="as OLMo 2, windows in three of four layers or by `layer_types`, a rotation of its own in windowed layers",
    refuses="a partial rotation, a scaling of windowed layers that depends on the length",
    older=older,
)

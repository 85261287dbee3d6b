from families.llama import BASE as LLAMA
from families.phi import draw_partial
from family_case import Case, Family, older_rope_spelling, rope

BASE = LLAMA | dict(num_key_value_heads=2, pad_token_id=0, original_max_position_embeddings=64)


def longrope(short, long, **settings):
    return rope("longrope", short_factor=short, long_factor=long, **settings)


SHORT, LONG = [1.0, 1.1, 1.3], [1.0, 2.5, 6.0]
TRAINED = dict(original_max_position_embeddings=16)

CASES = {
    "phi3": Case(),
    "phi3-window": Case(dict(sliding_window=7), older=True),
    "phi3-longrope-short": Case(longrope(SHORT, LONG) | TRAINED, 14),
    "phi3-longrope-long": Case(longrope(SHORT, LONG) | TRAINED, 24, older=True),
    # A cache that was filled with the long factors goes on being right; its shorter row would outgrow it.
    "phi3-longrope-far": Case(longrope(SHORT, LONG) | TRAINED, 48),
    "phi3-longrope-factor": Case(longrope(SHORT, LONG, attention_factor=1.4) | TRAINED, 20, cached=False),
    "phi3-partial": Case(
        longrope([1.0, 1.2], [3.0, 7.0], partial_rotary_factor=0.67) | TRAINED | dict(tie_word_embeddings=True),
        20,
        cached=False,
    ),
}


def older(config):
    """As the first Phi-3 checkpoints: `rope_scaling` of type `su`."""
    older_rope_spelling(config)
    if config["rope_scaling"]:
        settings = config["rope_scaling"]
        settings["type"] = "su" if settings.pop("rope_type") == "longrope" else "default"


def draw(rng):
    config, length, _ = draw_partial(rng)
    fraction = config["rope_parameters"]["partial_rotary_factor"]
    pairs = int(8 * fraction) // 2
    trained = rng.choice((8, 16, 64))
    config |= dict(original_max_position_embeddings=trained, pad_token_id=0, sliding_window=rng.choice((None, None, 5)))
    if rng.random() < 0.3:
        config |= rope(theta=rng.choice((1e4, 500.0)), partial_rotary_factor=fraction)
        return Case(config, length, older=rng.random() < 0.5)
    short, long = ([rng.uniform(1, 4) for _ in range(pairs)] for _ in range(2))
    settings = dict(attention_factor=1.1) if rng.random() < 0.3 else {}
    config |= longrope(short, long, partial_rotary_factor=fraction, **settings)
    grows = length - 4 <= trained < length or length // 2 - 4 <= trained < length // 2
    return Case(config, length, cached=not grows, older=rng.random() < 0.5)


FAMILY = Family(
    title="Phi-3, Phi-3.5, Phi-4",
    model_types=("phi3",),
    base=BASE,
    cases=CASES,
    draw=draw,
    samples=("phi3-window", "phi3-longrope-short", "phi3-longrope-long"),
    supports="fused projections, a sliding window in every layer or none, partial rotation, `longrope`",
    refuses="`short_mscale`, `long_mscale`, `layer_types`",
    older=older,
)

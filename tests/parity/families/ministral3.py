from family_case import DECODER, Case, Family, draw_decoder, rope


def growing(kind="yarn", beta=0.1, length=8, **settings):
    if kind == "yarn":
        settings = dict(factor=4.0, mscale=1.0, mscale_all_dim=1.0) | settings
    return rope(kind, llama_4_scaling_beta=beta, original_max_position_embeddings=length, **settings)


BASE = DECODER | dict(head_dim=8) | growing()

CASES = {
    "ministral3": Case(),
    "ministral3-window": Case(growing(beta=0.5, length=3) | dict(sliding_window=5, tie_word_embeddings=True), 40),
    "ministral3-default": Case(growing("default") | dict(head_dim=10, rms_norm_eps=1e-3), 40),
    "ministral3-own-settings": Case(dict(rope_parameters=None)),
    "ministral3-no-growth": Case(growing(beta=0.0, theta=500.0)),
}


def draw(rng):
    config = draw_decoder(rng) | growing(
        rng.choice(("yarn", "default")), rng.choice((0.1, 1.0)), rng.choice((4, 16)), theta=rng.choice((1e4, 1e6))
    )
    config |= dict(sliding_window=rng.choice((None, None, 7)))
    config.setdefault("head_dim", 6)
    return Case(config, rng.randint(12, 60))


FAMILY = Family(
    title="Ministral 3 (text)",
    model_types=("ministral3",),
    base=BASE,
    cases=CASES,
    draw=draw,
    samples=("ministral3",),
    supports="as Mistral; queries that grow with their position (`llama_4_scaling_beta`); also as the "
    "language model of a `mistral3` checkpoint of text and images",
    refuses="rotary settings without `llama_4_scaling_beta`, `layer_types`, a partial rotation",
)

from family_case import Case, Family

BASE = dict(
    vocab_size=61,
    hidden_size=24,
    num_layers=2,
    num_heads=4,
    attention_types=[[["global", "local"], 1]],
    window_size=6,
    max_position_embeddings=64,
    bos_token_id=0,
    eos_token_id=0,
)
LOCAL_FIRST = dict(num_layers=3, attention_types=[[["local"], 2], [["global"], 1]], window_size=4)

# Prompts are longer than the window.
CASES = {
    "gpt-neo": Case(),
    "gpt-neo-local-first": Case(LOCAL_FIRST | dict(intermediate_size=40), 40),
    "gpt-neo-untied": Case(dict(tie_word_embeddings=False, activation_function="relu", layer_norm_epsilon=1e-3)),
    "gpt-neo-window-1": Case(dict(window_size=1, num_heads=3)),
}


def draw(rng):
    heads, layers = rng.choice((1, 2, 3, 5)), rng.randint(1, 4)
    config = dict(
        vocab_size=rng.randint(40, 90),
        hidden_size=heads * rng.choice((4, 7, 8)),
        num_layers=layers,
        num_heads=heads,
        attention_types=[[[rng.choice(("global", "local"))], 1] for _ in range(layers)],
        window_size=rng.randint(1, 20),
        intermediate_size=rng.choice((None, 11, 50)),
        activation_function=rng.choice(("gelu_new", "gelu", "relu", "silu")),
        layer_norm_epsilon=rng.choice((1e-5, 1e-3)),
        tie_word_embeddings=rng.random() < 0.7,
    )
    return Case(config, rng.randint(8, 60))


FAMILY = Family(
    title="GPT-Neo",
    model_types=("gpt_neo",),
    base=BASE,
    cases=CASES,
    draw=draw,
    samples=("gpt-neo", "gpt-neo-local-first"),
    supports="global and local layers in any order, unscaled scores",
    refuses="kinds of attention other than `global` and `local`",
)

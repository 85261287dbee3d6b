from family_case import Case, Family, draw_decoder, draw_rope, rope

BASE = dict(
    vocab_size=61,
    hidden_size=24,
    intermediate_size=40,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    max_position_embeddings=64,
    sliding_window=5,
    bos_token_id=1,
    eos_token_id=2,
)

CASES = {
    "mistral": Case(),
    "mistral-whole": Case(dict(sliding_window=None), older=True),
    "mistral-window-of-one": Case(dict(sliding_window=1)),
    "mistral-wide-window": Case(dict(sliding_window=64)),
    "mistral-head-dim": Case(dict(head_dim=16, tie_word_embeddings=True) | rope(theta=1e6), 40, older=True),
    "mistral-yarn": Case(rope("yarn", factor=2.0, original_max_position_embeddings=16), 40),
}


def draw(rng):
    length = rng.randint(12, 60)
    scaling, cached = draw_rope(rng, 64, length)
    config = draw_decoder(rng) | scaling | dict(sliding_window=rng.choice((None, 2, 7, 16)))
    return Case(config, length, cached, older=rng.random() < 0.5)


FAMILY = Family(
    title="Mistral",
    model_types=("mistral",),
    base=BASE,
    cases=CASES,
    draw=draw,
    samples=("mistral",),
    supports="as Llama; a sliding window in every layer or none; also as the "
    "language model of a `mistral3` checkpoint of text and images",
    refuses="`layer_types`, a partial rotation",
)

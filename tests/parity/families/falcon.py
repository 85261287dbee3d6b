from family_case import Case, Family, draw_rope, rope

BASE = dict(
    vocab_size=61,
    hidden_size=24,
    num_hidden_layers=2,
    num_attention_heads=3,
    max_position_embeddings=64,
    bos_token_id=1,
    eos_token_id=2,
)
GROUPED = dict(new_decoder_architecture=True, num_attention_heads=6, num_kv_heads=2)
RW = dict(alibi=True, multi_query=False, parallel_attn=False, bias=True)

CASES = {
    "falcon": Case(),
    "falcon-7b-biases": Case(dict(bias=True, tie_word_embeddings=False, ffn_hidden_size=40), 40),
    "falcon-heads": Case(dict(multi_query=False)),
    "falcon-sequential": Case(dict(parallel_attn=False)),
    "falcon-40b": Case(GROUPED),
    "falcon-11b": Case(GROUPED | dict(num_ln_in_parallel_attn=1, activation="gelu_new")),
    "falcon-rw": Case(RW),
    "falcon-rw-grouped": Case(GROUPED | dict(alibi=True), 40),
    "falcon-linear": Case(rope("linear", factor=4.0), 40, older=True),
}


def draw(rng):
    heads, length = rng.choice((1, 2, 3, 4, 6)), rng.randint(8, 60)
    scaling, cached = draw_rope(rng, 64, length)
    grouped = rng.random() < 0.5
    config = scaling | dict(
        vocab_size=rng.randint(40, 90),
        hidden_size=heads * rng.choice((4, 6, 8)),
        num_hidden_layers=rng.randint(1, 4),
        num_attention_heads=heads,
        ffn_hidden_size=rng.randint(9, 70),
        activation=rng.choice(("gelu", "gelu_new", "relu")),
        layer_norm_epsilon=rng.choice((1e-5, 1e-3)),
        alibi=rng.random() < 0.5,
        bias=rng.random() < 0.5,
        new_decoder_architecture=grouped,
        tie_word_embeddings=rng.random() < 0.7,
    )
    if grouped:
        config["num_kv_heads"] = rng.choice([n for n in (1, 2, 3, 4, 6) if heads % n == 0])
        config["num_ln_in_parallel_attn"] = rng.choice((None, 1, 2))
    else:
        config |= dict(multi_query=rng.random() < 0.5, parallel_attn=rng.random() < 0.5)
    return Case(config, length, cached or config["alibi"], older=rng.random() < 0.5)


def count_alibi_once(model):
    """Eager attention of transformers 5.23 adds ALiBi to the scores and once more within the mask. Its
    default attention (sdpa) and the code the models were published with add it once: as within the mask."""

    def without_bias(_module, _arguments, named):
        alibi = named["alibi"]
        return _arguments, named | dict(alibi=None if alibi is None else alibi * 0)

    for block in model.transformer.h:
        block.self_attention.register_forward_pre_hook(without_bias, with_kwargs=True)


FAMILY = Family(
    title="Falcon",
    model_types=("falcon",),
    base=BASE,
    cases=CASES,
    draw=draw,
    samples=("falcon", "falcon-40b", "falcon-11b", "falcon-rw", "falcon-sequential"),
    supports="multi-query, grouped and full heads, parallel blocks with one or two norms, sequential blocks, rotary or "
    "ALiBi (added once, as the default attention of `transformers` does; its eager attention adds it twice)",
    repair=count_alibi_once,
    refuses="`new_decoder_architecture` with sequential blocks",
)

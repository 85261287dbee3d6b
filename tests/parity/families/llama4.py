from family_case import DECODER, Case, Family, draw_decoder, draw_rope, rope

BASE = DECODER | dict(
    intermediate_size=20,
    intermediate_size_mlp=40,
    head_dim=8,
    num_local_experts=4,
    attention_chunk_size=6,
    no_rope_layer_interval=2,
    floor_scale=5,
    attn_scale=0.3,
)
CHUNKED, WHOLE = "chunked_attention", "full_attention"
# As published: both factors are equal, so no frequency is between them.
LLAMA3 = rope("llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=1.0, original_max_position_embeddings=16)
YARN = rope("yarn", factor=4.0, original_max_position_embeddings=16)

CASES = {
    "llama4": Case(LLAMA3, 20),
    # With this width no router is so near to another choice that the rounding of bfloat16 makes it.
    "llama4-dense-first": Case(
        dict(num_hidden_layers=3, moe_layers=[1, 2], num_experts_per_tok=2, intermediate_size_mlp=44), older=True
    ),
    "llama4-dense": Case(dict(moe_layers=[], tie_word_embeddings=True), 40),
    "llama4-last-of-two": Case(dict(interleave_moe_layer_step=2, hidden_act="gelu"), older=True),
    "llama4-without-norm": Case(dict(use_qk_norm=False, attention_bias=True, rms_norm_eps=1e-3) | YARN, 40),
    "llama4-norm-after-factor": Case(dict(rms_norm_eps=0.1) | YARN, 40, older=True),
    "llama4-whole": Case(dict(attention_chunk_size=None, attn_temperature_tuning=False), 40),
    "llama4-layer-types": Case(dict(num_hidden_layers=3, layer_types=[WHOLE, CHUNKED, CHUNKED], no_rope_layers=[1, 0, 1]), 40),
    "llama4-chunk-of-one": Case(dict(attention_chunk_size=1, num_local_experts=5, num_experts_per_tok=5)),
    "llama4-rotates-nowhere": Case(dict(no_rope_layers=[0, 0], head_dim=6, num_key_value_heads=4), 40),
}


def draw(rng):
    length = rng.randint(12, 60)
    scaling, cached = draw_rope(rng, 64, length)
    config = draw_decoder(rng) | scaling
    layers, experts = config["num_hidden_layers"], rng.randint(1, 6)
    config |= dict(
        intermediate_size_mlp=rng.randint(9, 70),
        num_local_experts=experts,
        num_experts_per_tok=rng.randint(1, experts),
        attention_chunk_size=rng.choice((None, 2, 5, 16)),
        no_rope_layer_interval=rng.randint(1, 4),
        use_qk_norm=rng.random() < 0.6,
        attn_temperature_tuning=rng.random() < 0.7,
        floor_scale=rng.choice((3, 8)),
        attention_bias=rng.random() < 0.3,
    )
    config.setdefault("head_dim", config["hidden_size"] // config["num_attention_heads"])
    if rng.random() < 0.5:
        config |= dict(moe_layers=list(range(rng.randint(0, layers), layers)))
    if rng.random() < 0.4:
        config |= dict(no_rope_layers=rng.choices((0, 1), k=layers))
    if config["attention_chunk_size"] and rng.random() < 0.4:
        config |= dict(layer_types=rng.choices((CHUNKED, WHOLE), k=layers))
    return Case(config, length, cached, older=rng.random() < 0.5)


FAMILY = Family(
    title="Llama 4 (text)",
    model_types=("llama4_text",),
    base=BASE,
    cases=CASES,
    draw=draw,
    samples=("llama4", "llama4-dense-first"),
    supports="as Llama with interleaved rotation; layers without rotation by `no_rope_layers` or `no_rope_layer_interval`, "
    "chunks of `attention_chunk_size` tokens in the others or by `layer_types`, a norm without gain on each head's rotated "
    "queries and keys, queries that grow with their position in layers without rotation (`attn_temperature_tuning`), a "
    "mixture whose shares scale what the experts read, with an expert for every token, dense first layers; also as the "
    "language model of a `llama4` checkpoint of text and images",
    refuses="dense layers after mixtures (`interleave_moe_layer_step`, `moe_layers`: Llama 4 Maverick), a partial rotation",
    mixture=True,
    wider={"feed_forward.router.weight": 2.0},
)

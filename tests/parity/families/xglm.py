import torch
from family_case import Case, Family

BASE = dict(
    vocab_size=61,
    max_position_embeddings=64,
    d_model=24,
    ffn_dim=40,
    num_layers=2,
    attention_heads=4,
    pad_token_id=1,
    bos_token_id=0,
    eos_token_id=2,
)
CASES = {
    "xglm": Case(),
    "xglm-unscaled": Case(dict(scale_embedding=False, tie_word_embeddings=False, activation_function="relu"), 40),
    "xglm-odd-width": Case(dict(d_model=15, attention_heads=3, ffn_dim=11), 60),
}


def draw(rng):
    heads = rng.choice((1, 2, 3, 5))
    config = dict(
        vocab_size=rng.randint(40, 90),
        d_model=heads * rng.choice((4, 7, 8)),
        attention_heads=heads,
        num_layers=rng.randint(1, 4),
        ffn_dim=rng.choice((11, 50)),
        scale_embedding=rng.random() < 0.6,
        activation_function=rng.choice(("gelu", "relu", "silu")),
        tie_word_embeddings=rng.random() < 0.5,
    )
    return Case(config, rng.randint(8, 60))


def repair(model):
    """In float64 its attention makes a number that only a default type of float64 can hold."""
    if model.dtype == torch.float64:
        model.register_forward_pre_hook(lambda *_: torch.set_default_dtype(torch.float64))
        model.register_forward_hook(lambda *_: torch.set_default_dtype(torch.float32))


FAMILY = Family(
    title="XGLM",
    model_types=("xglm",),
    base=BASE,
    cases=CASES,
    draw=draw,
    samples=("xglm",),
    supports="positions from sines and cosines, a scaled embedding",
    repair=repair,
    refuses="cross-attention, a padding token above 1 (the reference removes that position)",
)

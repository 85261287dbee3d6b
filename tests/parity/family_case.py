"""What a family's parity test is made of: small configurations, fixed and drawn.

A family is one file of families/ with a `FAMILY`; see families/llama.py for a short one.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field

# Weights whose product is added to the residual stream; drawn smaller, as models initialise them.
RESIDUAL = (
    "c_proj.weight",
    "o_proj.weight",
    "down_proj.weight",
    "out_proj.weight",
    "dense.weight",
    "fc2.weight",
    "dense_4h_to_h.weight",
    "fc_out.weight",
)


@dataclass(frozen=True)
class Case:
    """One configuration and the length of its prompt."""

    config: dict = field(default_factory=dict)  # over the family's base
    length: int = 20
    cached: bool = True  # whether generation may use a key-value cache at this length
    older: bool = False  # config.json is written as transformers 4 did


def older_rope_spelling(config):
    """Writes the rotary settings of a saved config (a dict) as transformers 4 did."""
    if "rope_parameters" not in config:
        return
    settings = dict(config.pop("rope_parameters"))
    config["rope_theta"] = settings.pop("rope_theta")
    if "partial_rotary_factor" in settings:
        config["partial_rotary_factor"] = settings.pop("partial_rotary_factor")
    config["rope_scaling"] = None if settings["rope_type"] == "default" else settings


@dataclass(frozen=True)
class Family:
    title: str  # as researchers call it
    model_types: tuple  # `model_type` of config.json; a case may name another than the first
    base: dict  # a small configuration
    cases: dict  # name -> Case: together they take every branch of the family
    draw: Callable[[random.Random], Case]
    samples: tuple  # names of the cases that are committed for the tests without Python
    supports: str  # for docs/families.md
    refuses: str
    gain_mean: float = 1.0  # norm gains are drawn around it; 0 where the weight is the gain minus one
    residual: tuple = RESIDUAL
    older: Callable[[dict], None] = older_rope_spelling  # changes a saved config (a dict) in place
    repair: Callable = lambda model: None  # changes a loaded model of transformers where it is at fault
    mixture: bool = False  # of experts, whose choices are compared too
    cliff: bool = False  # shares of experts jump where a score crosses a limit (SparseMixer)
    masked: bool = False  # a bidirectional model with a masked-language head
    wider: dict = field(default_factory=dict)  # substring of a parameter's name -> standard deviation


# A small configuration of the Llama line.
DECODER = dict(
    vocab_size=61,
    hidden_size=24,
    intermediate_size=40,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    max_position_embeddings=64,
    pad_token_id=0,
    bos_token_id=1,
    eos_token_id=2,
)


def rope(kind="default", theta=10000.0, **settings):
    return dict(rope_parameters=dict(rope_type=kind, rope_theta=theta, **settings))


def draw_rope(rng, max_positions, length, kinds=("default", "linear", "dynamic", "llama3", "yarn"), **settings):
    """Rotary settings, and whether a cache may be used with a prompt of this length."""
    kind = rng.choice(kinds)
    theta = rng.choice((1000.0, 10000.0, 500000.0))
    if kind == "default":
        return rope(theta=theta, **settings), True
    settings["factor"] = rng.choice((1.5, 2.0, 8.0))
    if kind == "llama3":
        settings |= dict(low_freq_factor=1.0, high_freq_factor=rng.choice((2.0, 4.0)))
    if kind in ("llama3", "yarn"):
        settings |= dict(original_max_position_embeddings=rng.choice((8, 16, 32)))
    return rope(kind, theta, **settings), kind != "dynamic" or length <= max_positions


def draw_rotary(rng, positions=64, kinds=("default", "linear", "dynamic", "llama3", "yarn"), head_dim=True):
    """A decoder with any rotary scaling, its prompt's length, and whether a cache may be used."""
    length = rng.randint(12, 60)
    scaling, cached = draw_rope(rng, positions, length, kinds)
    return draw_decoder(rng, head_dim) | scaling, length, cached


def draw_layer_types(rng, layers):
    return rng.choices(("full_attention", "sliding_attention"), k=layers)


def draw_decoder(rng, head_dim=True):
    """Sizes, heads and ties that any decoder of the Llama line has."""
    heads = rng.choice((1, 2, 3, 4, 6))
    groups = rng.choice([g for g in (1, 2, 3, 4, 6) if heads % g == 0])
    per_head = rng.choice((4, 6, 8, 10))
    config = dict(
        vocab_size=rng.randint(40, 90),
        hidden_size=heads * per_head,
        intermediate_size=rng.randint(9, 70),
        num_hidden_layers=rng.randint(2, 4),
        num_attention_heads=heads,
        num_key_value_heads=heads // groups,
        max_position_embeddings=64,
        tie_word_embeddings=rng.random() < 0.5,
    )
    if head_dim and rng.random() < 0.5:
        config["head_dim"] = per_head + rng.choice((2, 4, 8))
    return config

"""Writes tests/data/config_fields.json: the fields of each family's configuration class in transformers, for the test
that a field is either read or known to change nothing.

    python tests/parity/config_fields.py

A field that is not among HARMLESS has to be read by lensbench: a wrong value in it is then an error that names it. A
new field of a new transformers is therefore a failing test until it is followed, refused, or listed here with a reason.
"""

import json
from pathlib import Path

from families import FAMILIES
from transformers import AutoConfig

DATA = Path(__file__).parents[1] / "data"

# Fields of every family: nothing that a forward of one model, not in training, computes depends on these.
HARMLESS = {
    "names and versions": "_name_or_path architectures model_type transformers_version dtype",
    "training": "activation_dropout attention_dropout attention_probs_dropout_prob attn_pdrop dropout emb_pdrop "
    "embd_pdrop embed_dropout embedding_dropout hidden_dropout hidden_dropout_prob initializer_range layerdrop "
    "resid_dropout resid_pdrop residual_dropout router_aux_loss_coef",
    "heads for other tasks": "classifier_dropout id2label label2id problem_type qa_dropout seq_classif_dropout "
    "summary_activation summary_first_dropout summary_proj_to_labels summary_type summary_use_proj",
    "what is returned": "output_attentions output_hidden_states output_router_logits return_dict use_cache",
    "tokens and generation": "bos_token_id eos_token_id pad_token_id",
    "the order in which the same is computed": "chunk_size_feed_forward pretraining_tp",
}
# Fields of one family, where another reads the field of that name.
HARMLESS_IN = {
    "gpt_neox": ["is_decoder"],  # its attention is causal whatever it says
    "gemma3_text": ["_sliding_window_pattern"],  # overwritten by sliding_window_pattern when a config is read
    "opt": ["init_std"],  # of new weights
    "xglm": ["init_std", "decoder_start_token_id"],  # of new weights, of translation
    "deepseek_v3": ["num_mtp_layers", "num_nextn_predict_layers"],  # layers that predict further tokens, after the last
    "codegen": ["n_ctx"],  # kept for old checkpoints
    # Noise of training. The router of phimoe reads router_jitter_noise outside of training too.
    "mixtral": ["router_jitter_noise"],
    "llama4_text": ["router_jitter_noise"],
    "phimoe": ["input_jitter_noise"],
    # Fields of training, of placing new weights, or ignored by the class
    "mpt": ["embedding_fraction", "init_device", "learned_pos_emb", "norm_type"],
}
# Where the family's first sample does not reach a field.
SAMPLES = {"phi3": "phi3-longrope-short"}
# Families of pictures, whose configurations have further ones inside (tests/parity/vision_reference.py).
PARTS = {"qwen2_vl": ["text_config", "vision_config"], "qwen2_5_vl": ["text_config", "vision_config"]}


def fields(model_type):
    config = AutoConfig.for_model(model_type)
    return sorted(set(config.to_dict()) | set(config.attribute_map))


if __name__ == "__main__":
    harmless = {name for names in HARMLESS.values() for name in names.split()}
    families = {}
    for family in FAMILIES.values():
        for model_type in family.model_types:
            families[model_type] = dict(
                sample=SAMPLES.get(model_type, family.samples[0]),
                fields=sorted(set(fields(model_type)) - set(HARMLESS_IN.get(model_type, []))),
            )
    for model_type, parts in PARTS.items():
        config = AutoConfig.for_model(model_type)
        inner = {part: sorted(getattr(config, part).to_dict()) for part in parts}
        families[model_type] = dict(sample=f"../vision_models/{model_type}", parts=inner,
                                    fields=sorted(set(config.to_dict()) - set(inner["text_config"])))
    known = {name for family in families.values() for name in family["fields"]}
    assert harmless <= known, f"no class has {harmless - known}"
    result = dict(families=families, harmless=sorted(harmless))
    (DATA / "config_fields.json").write_text(json.dumps(result, indent=1) + "\n")
    print({name: len(family["fields"]) for name, family in families.items()})

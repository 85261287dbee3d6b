#!/usr/bin/env python3
"""Reference dictionaries of SAELens 6: small ones of every kind with random weights, and what SAELens makes of some rows.

    python tests/parity/sparse_autoencoder.py

writes tests/data/sparse_autoencoder/KIND/{cfg.json,sae_weights.safetensors} by SAELens itself, and
expected.safetensors with the rows, `KIND.features` (its encode) and `KIND.output` (its forward). Needs sae-lens 6.
Weights are multiples of 1/64, so that sums hardly round and every comparison is decided as in exact numbers.
"""

import json
import shutil
from pathlib import Path

import torch
from safetensors.torch import save_file

from sae_lens.saes.batchtopk_sae import BatchTopKTrainingSAE, BatchTopKTrainingSAEConfig
from sae_lens.saes.gated_sae import GatedSAE, GatedSAEConfig
from sae_lens.saes.jumprelu_sae import JumpReLUSAE, JumpReLUSAEConfig
from sae_lens.saes.sae import SAEMetadata
from sae_lens.saes.standard_sae import StandardSAE, StandardSAEConfig
from sae_lens.saes.topk_sae import TopKSAE, TopKSAEConfig
from sae_lens.saes.transcoder import (
    JumpReLUTranscoder,
    JumpReLUTranscoderConfig,
    SkipTranscoder,
    SkipTranscoderConfig,
    Transcoder,
    TranscoderConfig,
)

DATA = Path(__file__).parents[1] / "data" / "sparse_autoencoder"
WIDTH, FEATURES = 24, 40  # the width of tests/data/models/gpt2
METADATA = {"hook_name": "blocks.0.hook_resid_post", "model_name": "gpt2"}
MAPPED = {"hook_name": "blocks.0.ln2.hook_normalized", "hook_name_out": "blocks.0.hook_mlp_out", "model_name": "gpt2"}


def cfg(kind, metadata=METADATA, **more):
    return kind(d_in=WIDTH, d_sae=FEATURES, metadata=SAEMetadata(**metadata), **more)


def kinds():
    transcoder = {"apply_b_dec_to_input": False, "d_out": WIDTH}
    return {
        "standard": StandardSAE(cfg(StandardSAEConfig)),
        "plain": StandardSAE(cfg(StandardSAEConfig, apply_b_dec_to_input=False)),
        "layer_norm": StandardSAE(cfg(StandardSAEConfig, normalize_activations="layer_norm")),
        "constant_norm": StandardSAE(cfg(StandardSAEConfig, normalize_activations="constant_norm_rescale")),
        "topk": TopKSAE(cfg(TopKSAEConfig, k=6)),
        "topk_rescaled": TopKSAE(cfg(TopKSAEConfig, k=6, rescale_acts_by_decoder_norm=True)),
        "jumprelu": JumpReLUSAE(cfg(JumpReLUSAEConfig)),
        "gated": GatedSAE(cfg(GatedSAEConfig)),
        "transcoder": Transcoder(cfg(TranscoderConfig, MAPPED, **transcoder)),
        "skip_transcoder": SkipTranscoder(cfg(SkipTranscoderConfig, MAPPED, **transcoder)),
        "jumprelu_transcoder": JumpReLUTranscoder(cfg(JumpReLUTranscoderConfig, MAPPED, **transcoder)),
        "batchtopk": BatchTopKTrainingSAE(cfg(BatchTopKTrainingSAEConfig, k=6)),
    }


def rounded(shape, scale, draw):
    return (torch.randn(shape, generator=draw) * scale * 64).round() / 64


def main():
    torch.set_grad_enabled(False)
    draw = torch.Generator().manual_seed(5)
    rows = rounded((9, WIDTH), 1.0, draw)
    expected = {"rows": rows}
    for name, sae in kinds().items():
        for parameter, value in sae.named_parameters():
            scale = {"W_enc": 0.3, "W_dec": 0.3, "W_skip": 0.2}.get(parameter, 0.25)
            value.copy_(rounded(value.shape, scale, draw))
            if parameter == "threshold":
                value.abs_()
        folder = DATA / name
        shutil.rmtree(folder, ignore_errors=True)
        if name == "batchtopk":
            sae.topk_threshold.fill_(0.75)
            sae.save_inference_model(folder)
            sae = JumpReLUSAE.load_from_disk(folder)
        else:
            sae.save_model(folder)
        settings = json.loads((folder / "cfg.json").read_text())
        (folder / "cfg.json").write_text(json.dumps(settings, indent=1, sort_keys=True) + "\n")
        expected[f"{name}.features"] = sae.encode(rows).to_dense().contiguous()
        expected[f"{name}.output"] = sae(rows).contiguous()
        print(name, settings["architecture"], "L0", (expected[f"{name}.features"] != 0).sum(1).tolist())
    save_file(expected, DATA / "expected.safetensors")


if __name__ == "__main__":
    main()

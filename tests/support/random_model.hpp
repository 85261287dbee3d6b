#pragma once

#include <cstdint>
#include <lensbench/model.hpp>
#include <memory>

namespace lensbench {

/// GPT-2 small: 12 layers, d_model 768, 12 heads, 50257 tokens, 1024 positions, tied.
TransformerSpec gpt2_small_spec();

/// A small model of the GPT-2 kind: LayerNorm, learned positions, biases, tied.
TransformerSpec small_gpt2_spec();

/// A small model of the Llama kind: RMSNorm, rotary, grouped queries, gated, untied.
TransformerSpec small_llama_spec();

/// A model without files. Its weights are normal with standard deviation `scale` (0.02: GPT-2's
/// initialisation, residual outputs divided by sqrt(2 n_layers)); biases and gains are perturbed
/// alike, so that none is trivially 0 or 1. They are laid out as in the family's checkpoints: fused
/// [in, out] for learned positions, [out, in] otherwise.
std::shared_ptr<const Model> random_model(const TransformerSpec& spec, std::uint64_t seed,
                                          at::ScalarType dtype = at::kFloat, double scale = 0.02);

}  // namespace lensbench

#pragma once

#include <cstdint>
#include <lensbench/model.hpp>
#include <memory>

#include "model/weights/weights.hpp"

namespace lensbench {

/// GPT-2 small: 12 layers, d_model 768, 12 heads, 50257 tokens, 1024 positions, tied.
LENSBENCH_API TransformerSpec gpt2_small_spec();

/// A small model of the GPT-2 kind: LayerNorm, learned positions, biases, tied.
LENSBENCH_API TransformerSpec small_gpt2_spec();

/// A small model of the Llama kind: RMSNorm, rotary, grouped queries, gated, untied.
LENSBENCH_API TransformerSpec small_llama_spec();

/// Normal weights with standard deviation 0.02 (GPT-2's initialisation, residual outputs divided by
/// sqrt(2 n_layers)); biases and gains perturbed alike, so that none is trivially 0 or 1. Laid out
/// as the family's checkpoints: fused [in, out] for learned positions, [out, in] otherwise.
LENSBENCH_API ModelWeights random_weights(const TransformerSpec& spec, std::uint64_t seed,
                                          at::ScalarType dtype = at::kFloat, double scale = 0.02);

/// A model without files, for tests and benchmarks. \param scale  standard deviation of the weights
LENSBENCH_API std::shared_ptr<const Model> random_model(const TransformerSpec& spec,
                                                        std::uint64_t seed,
                                                        at::ScalarType dtype = at::kFloat,
                                                        double scale = 0.02);

}  // namespace lensbench

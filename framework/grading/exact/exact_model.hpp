#pragma once

#include <ATen/core/Tensor.h>

#include <lensbench/spec.hpp>
#include <vector>

#include "checkpoint/checkpoint.hpp"

namespace lensbench::grading {

/// Weights of one block in float64, in the form that multiplies from the right.
struct ExactBlock {
  at::Tensor gain1, bias1;       ///< [d_model] norm before the attention; bias may be undefined
  at::Tensor query, key, value;  ///< [d_model, head * d_head]; key-value heads are repeated
  at::Tensor query_bias, key_bias, value_bias;  ///< [head * d_head], or undefined
  at::Tensor output, output_bias;               ///< [head, d_head, d_model]; [d_model] or undefined
  at::Tensor gain2, bias2;                      ///< norm before the MLP
  at::Tensor gate;                              ///< [d_model, d_mlp], or undefined
  at::Tensor in, in_bias;                       ///< [d_model, d_mlp]; [d_mlp] or undefined
  at::Tensor out, out_bias;                     ///< [d_mlp, d_model]; [d_model] or undefined
};

/// A model in float64, computed independently of the forward that the product runs: planted models
/// are small, and their truth must not share an error with the tools that it grades.
struct ExactModel {
  TransformerSpec spec;
  at::Tensor embedding;  ///< [vocab, d_model]
  at::Tensor positions;  ///< [pos, d_model], or undefined
  std::vector<ExactBlock> blocks;
  at::Tensor gain, bias;   ///< the final norm
  at::Tensor unembedding;  ///< [d_model, vocab]
};

/// Reads a checkpoint of GPT-2 or of Llama, stored in any element type.
/// \throws InputError for another family, for a configuration that changes the computation in a way
///   that is not implemented here, and for missing or misshapen tensors
ExactModel read_exact_model(const Checkpoint& checkpoint);

}  // namespace lensbench::grading

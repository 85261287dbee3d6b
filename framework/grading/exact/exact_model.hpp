#pragma once

#include <ATen/core/Tensor.h>

#include <lensbench/spec.hpp>
#include <vector>

#include "checkpoint/checkpoint.hpp"

namespace lensbench::grading {

/// Weights of one block in float64, in the form that multiplies from the right.
///
/// BERT normalises after it adds. Its streams here are the sums before a norm, so that each
/// sublayer begins with a norm as elsewhere: the first one of a block is that of the embedding or
/// of the end of the block before, and the final norm is that of the end of the last block.
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

/// What a masked-language model does between the final norm and the unembedding.
struct ExactHead {
  at::Tensor dense, dense_bias;  ///< [d_model, d_model], [d_model]; undefined in other models
  at::Tensor gain, bias;         ///< norm after the activation
};

/// A model in float64, computed independently of the forward that the product runs: planted models
/// are small, and their truth must not share an error with the tools that it grades.
struct ExactModel {
  TransformerSpec spec;
  at::Tensor embedding;  ///< [vocab, d_model]
  at::Tensor positions;  ///< [pos, d_model], or undefined
  std::vector<ExactBlock> blocks;
  at::Tensor gain, bias;  ///< the final norm
  ExactHead head;
  at::Tensor unembedding;       ///< [d_model, vocab]
  at::Tensor unembedding_bias;  ///< [vocab], or undefined

  /// Whether a sublayer adds to what its norm gives, as in BERT, and not to the stream itself.
  bool adds_to_norm() const { return spec.norm_placement == NormPlacement::after_add; }
};

/// Reads a checkpoint of GPT-2, of Llama or of BERT, stored in any element type.
/// \throws InputError for another family, for a configuration that changes the computation in a way
///   that is not implemented here, and for missing or misshapen tensors
ExactModel read_exact_model(const Checkpoint& checkpoint);

}  // namespace lensbench::grading

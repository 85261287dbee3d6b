#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "grading/plant/assemble.hpp"

// What the assemblies of all families share.

namespace lensbench::grading {

/// Zeros, float64.
at::Tensor zeros(at::IntArrayRef sizes);
/// A random permutation as a matrix [n, n], float64.
at::Tensor permutation(Philox& random, std::int64_t n);
/// Adds terms to a row of logical dimensions.
void add_terms(double* row, const Terms& terms, double factor = 1.0);

/// Weights of rows and logical dimensions: [rows, d_model], float64.
at::Tensor as_rows(const std::vector<Written>& entries, std::int64_t rows, std::int64_t d_model);
/// Rows [row, d_model] whose balancing dimension, the third from the end, makes them sum to zero.
at::Tensor balanced(const at::Tensor& rows);

/// Heads of a block in a random order, in logical dimensions.
struct LogicalAttention {
  at::Tensor in;    ///< queries, keys and values: [3, d_model, head * d_head]
  at::Tensor bias;  ///< [3, head * d_head]
  at::Tensor out;   ///< [head * d_head, d_model]
};
/// Adds heads and attention to the components of what is made.
LogicalAttention logical_attention(const Wiring& wiring, std::int64_t layer, bool turned,
                                   Philox& random, Assembled& made);

/// Neurons of a block in a random order, in logical dimensions.
struct LogicalMlp {
  at::Tensor in, bias, out;  ///< [neuron, d_model], [neuron], [neuron, d_model]
  at::Tensor constant;       ///< [1, d_model], written at every position
};
/// Adds MLP and neurons to the components of what is made.
LogicalMlp logical_mlp(const Wiring& wiring, std::int64_t layer, Philox& random, Assembled& made);

/// \throws UsageError if a block has more heads or neurons than the model has
void require_full(const Wiring& wiring, std::int64_t layer);
/// \throws UsageError if a head needs more channels than it has
void require_channels(const std::string& role, std::int64_t needed, std::int64_t channels);
/// Heads first, then MLPs, then attentions.
void order_components(std::vector<Role>& components);

/// The same for a Llama: rotary positions, keys and values that heads share, a gated MLP, and no
/// biases. One dimension of the stream holds a large constant, from which readers take their
/// biases.
Assembled assemble_llama(Wiring wiring, Gauge gauge, Philox& random);

/// The same for a BERT, whose norms follow the additions: they let the stream as it is but for
/// their biases, which add up and are taken off where the stream is read.
Assembled assemble_bert(Wiring wiring, Gauge gauge, Philox& random);

}  // namespace lensbench::grading

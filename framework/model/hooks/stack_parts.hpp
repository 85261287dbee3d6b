#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/activation_cache.hpp>
#include <optional>
#include <string>
#include <vector>

// Parts of the stacks of an activation cache.
namespace lensbench::stacks {

/// A layer from 0 to n_layers; -1 means n_layers. \throws UsageError for others
std::int64_t checked_layer(const TransformerSpec& spec, std::int64_t layer);

/// `blocks.3.hook_mlp_out`.
std::string in_block(std::int64_t layer, const std::string& hook);

/// Checks the option `mlp_input`. \throws UsageError after the last block, and for a model in which
/// the MLP does not read the stream after attention
void require_mlp_input(const TransformerSpec& spec, std::int64_t layer, bool mlp_input);

/// \throws UsageError if the stream of this model is not the sum of its additions
void require_sum(const TransformerSpec& spec);

/// \throws UsageError if it is not the sum of heads and neurons, because norms follow the sublayers
void require_sum_of_heads(const TransformerSpec& spec);

/// Hook point of the stream of which `remainder` is a part: the input of `layer`, or of its MLP.
/// For layer 0 the stream after the last block, as in TransformerLens.
std::string stream_of_remainder(const TransformerSpec& spec, std::int64_t layer, bool mlp_input);

/// A norm whose scale is that of the forward, so that it is linear.
struct FrozenNorm {
  bool centred = false;  ///< LayerNorm: minus the mean
  at::Tensor scale;      ///< [batch, pos, 1], sliced
};

/// The norm that reads the input of a layer; empty for the final norm of a model without one.
/// \throws UsageError if the norm does not read the stream
std::optional<FrozenNorm> frozen_norm(const ActivationCache& cache, const TransformerSpec& spec,
                                      const ApplyLnOptions& options);

/// x minus its mean over the last axis, in float32 or wider.
at::Tensor centred(const at::Tensor& x);

/// [d_model, output] of a projection onto one or several directions; undefined without one.
/// \throws UsageError for another shape
at::Tensor as_matrix(const TransformerSpec& spec, const at::Tensor& projection);

/// x times a result of `as_matrix`, in the wider type of the two.
at::Tensor project(const at::Tensor& x, const at::Tensor& projection);

/// Sum of the output biases, [d_model]: of attention in the blocks before `attention_end` and, with
/// `with_mlp`, of the MLPs in those before `end`.
at::Tensor accumulated_bias(const Model& model, std::int64_t end, std::int64_t attention_end,
                            bool with_mlp, const at::Tensor& like);

/// Components that become a stack.
struct StackParts {
  std::vector<std::string> labels;
  std::vector<at::Tensor> values;

  void add(std::string label, at::Tensor value);
  /// \throws UsageError without any component
  LabelledStack stack();
};

}  // namespace lensbench::stacks

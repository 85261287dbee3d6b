#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <lensbench/model.hpp>
#include <string>
#include <vector>

#include "reference.hpp"

namespace lensbench::attribution {

/// Replacement of a component's output at every token of the prompt.
enum class Ablation {
  zero,
  mean,            ///< mean of the output over all tokens of the reference prompts
  mean_of_prompt,  ///< mean of the output over the tokens of the prompt
};

/// Parses ablations; `none` is an empty list.
/// \throws UsageError for other names than `zero`, `mean` and `mean_of_prompt`, or repeated ones
std::vector<Ablation> parse_ablations(const std::vector<std::string>& names);
std::string to_string(Ablation kind);
bool contains(const std::vector<Ablation>& kinds, Ablation kind);

/// Inputs and outputs of the sublayers in the real run: one tensor [1, token, d_model] per block.
struct BlockActivations {
  std::vector<at::Tensor> resid_pre, attn_out, mlp_out;
  /// [1, token, head, d_head] per block, the heads before their output projection; empty without
  /// heads.
  std::vector<at::Tensor> z = {};

  std::int64_t n_layers() const { return static_cast<std::int64_t>(resid_pre.size()); }
};

/// Function from final residuals [row, token, d_model] to measured values [row, token] float64.
using ResidualReader = std::function<at::Tensor(const at::Tensor& residual)>;

/// Outputs to replace, one at a time, and what is measured.
struct AblationSweep {
  const Model& model;
  const TokenBatch& tokens;
  const BlockActivations& blocks;
  const std::vector<Ablation>& kinds;
  const ReferenceMeans* reference;  ///< means for `Ablation::mean`; else nullptr
  ResidualReader read;
};

/// Measured values when the output of one sublayer is replaced at all tokens and everything after
/// it runs again. Rows of a batch share a forward that starts at the first block that changes.
/// \return [ablation, 2 * n_layers, token] float64, attention and MLP of block 0 first
at::Tensor ablated_readings(const AblationSweep& sweep);

/// Measured values when one head's `attn.hook_z` is replaced at all tokens, which replaces its
/// result z W_O. Forwards are shared as in `ablated_readings`.
/// \return [ablation, block, head, token] float64
at::Tensor ablated_head_readings(const AblationSweep& sweep);

/// Largest absolute change of the final residual when block 0's attention output, and the z of its
/// first head, are replaced by themselves, relative to the largest element of that residual.
/// \param last_residual  [1, token, d_model], final residual of the real run
double self_replacement_difference(const Model& model, const TokenBatch& tokens,
                                   const BlockActivations& blocks, const at::Tensor& last_residual);

}  // namespace lensbench::attribution

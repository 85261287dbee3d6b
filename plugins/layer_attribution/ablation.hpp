#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <lensbench/model.hpp>
#include <string>
#include <vector>

namespace lensbench::attribution {

/// What a component's output is replaced by, at every token of the prompt.
enum class Ablation {
  zero,
  mean,  ///< its own mean over the tokens of the prompt
};

/// \throws UsageError for another name than `zero` and `mean`, or one given twice; `none` alone is
///   an empty list
std::vector<Ablation> parse_ablations(const std::vector<std::string>& names);
std::string to_string(Ablation kind);

/// What the sublayers read and wrote in the real run: one tensor [1, token, d_model] a block.
struct BlockActivations {
  std::vector<at::Tensor> resid_pre, attn_out, mlp_out;

  std::int64_t n_layers() const { return static_cast<std::int64_t>(resid_pre.size()); }
};

/// Turns last residuals [row, token, d_model] into what is measured, [row, token] float64.
using ResidualReader = std::function<at::Tensor(const at::Tensor& residual)>;

/// What is measured when one sublayer's output is replaced at all tokens and everything after it
/// runs again: rows of a batch share a forward that starts at the first block that changes.
/// \return [ablation, 2 * n_layers, token] float64, attention and MLP of block 0 first
at::Tensor ablated_readings(const Model& model, const TokenBatch& tokens,
                            const BlockActivations& blocks, const std::vector<Ablation>& kinds,
                            const ResidualReader& read);

/// Largest absolute difference that replacing block 0's attention output by itself makes to the
/// last residual, relative to the largest element of that residual.
/// \param last_residual  [1, token, d_model], of the real run
double self_replacement_difference(const Model& model, const TokenBatch& tokens,
                                   const BlockActivations& blocks, const at::Tensor& last_residual);

}  // namespace lensbench::attribution

#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/reference_prompts.hpp>
#include <vector>

namespace lensbench::attribution {

/// Means over all positions of the reference prompts, in float64. One sum for each output is kept,
/// not the activations of the prompts.
struct ReferenceMeans {
  std::vector<at::Tensor> attn_out, mlp_out;  ///< [d_model], one for each block
  std::vector<at::Tensor> z;                  ///< [head, d_head], one for each block
  std::int64_t prompts = 0, tokens = 0;
};

/// Subject of messages about means over reference prompts.
inline constexpr const char* kMeanAblation = "layer_attribution: ablation 'mean'";

/// Runs the reference prompts one after another, positions are summed in index order. The sums are
/// kept with the run: one that is resumed goes on with them.
/// \throws as `ReferencePrompts::check_mean` and `for_each`
ReferenceMeans reference_means(Context& context, const ReferencePrompts& reference);

}  // namespace lensbench::attribution

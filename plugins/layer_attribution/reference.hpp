#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/context.hpp>
#include <string>
#include <vector>

namespace lensbench::attribution {

/// Means over all positions of the reference prompts, in float64. One sum for each output is kept,
/// not the activations of the prompts.
struct ReferenceMeans {
  std::vector<at::Tensor> attn_out, mlp_out;  ///< [d_model], one for each block
  std::vector<at::Tensor> z;                  ///< [head, d_head], one for each block
  std::int64_t prompts = 0, tokens = 0;
};

/// Checks that there are reference prompts, before any of them is run.
/// \param file  one prompt in each line, or JSONL with `text` or `ids`; empty: the run's cases
/// \throws UsageError if there are fewer than two cases and no file
/// \throws InputError with file and line for a prompt that cannot be read
void check_reference(const Context& context, const std::string& file);

/// Runs the reference prompts one after another, positions are summed in index order.
/// \throws as `check_reference`; RunError if the run is to stop
ReferenceMeans reference_means(const Context& context, const std::string& file);

/// Key of the reference prompts: means of equal keys are equal.
std::string reference_key(const Context& context, const std::string& file);

/// Name of the reference for results: the name of the file without its folder, or `cases`.
std::string reference_name(const std::string& file);

}  // namespace lensbench::attribution

#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/model.hpp>
#include <lensbench/target.hpp>
#include <optional>

namespace lensbench::attribution {

/// Position counted from the start. \param position  negative ones count from the end
/// \throws UsageError if the position is outside the sequence
std::int64_t resolve_position(std::int64_t position, std::int64_t length);

/// Id of the target at each token, [token] int64. The model's own prediction is the first largest
/// logit; logits are computed for a bounded number of tokens at a time.
/// \param normalized  [token, d_model], after the final norm
/// \throws UsageError for a token id outside the vocabulary
at::Tensor target_ids(const Model& model, const Target& target, const Tokens& tokens,
                      const at::Tensor& normalized);

/// Checks the pair. \throws UsageError if `versus` equals the target at every token
void check_versus(const Target& target, const at::Tensor& target_ids, const Target& versus,
                  const at::Tensor& versus_ids);

}  // namespace lensbench::attribution

#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/model.hpp>
#include <lensbench/target.hpp>
#include <optional>

namespace lensbench::attribution {

/// Index from the start. \param position  negative counts from the end
/// \throws UsageError if the sequence has no such position
std::int64_t resolve_position(std::int64_t position, std::int64_t length);

/// Id of the target at each token, [token] int64. The model's own prediction is the first of the
/// largest logits; logits exist for a bounded block of tokens at a time.
/// \param normalized  [token, d_model], after the final norm
/// \throws UsageError for a token id outside the vocabulary
at::Tensor target_ids(const Model& model, const Target& target, const Tokens& tokens,
                      const at::Tensor& normalized);

/// \throws UsageError if `versus` is the target at every token: the difference would be zero
void check_versus(const Target& target, const at::Tensor& target_ids, const Target& versus,
                  const at::Tensor& versus_ids);

}  // namespace lensbench::attribution

#pragma once

#include <cstdint>
#include <lensbench/spec.hpp>
#include <string>

#include "model/weights/weight_taker.hpp"
#include "model/weights/weights.hpp"

namespace lensbench {

/// Part of a checkpoint: names of the body may have the family's prefix, those of the head never
/// do.
enum class Part { body, head };

/// Takes a torch.nn.Linear, whose weight is stored [out, in].
Linear take_linear(WeightTaker& taker, const std::string& name, std::int64_t in, std::int64_t out,
                   bool bias = false, Part part = Part::body);

/// Takes gain (as applied) and bias of a norm over `size` values, if it has them; also by their
/// names in the first BERT checkpoints, `gamma` and `beta`.
NormWeights take_norm(WeightTaker& taker, const NormSpec& norm, const std::string& name,
                      std::int64_t size, Part part = Part::body);

/// Takes a norm of the residual stream, `spec.norm`.
NormWeights take_norm(WeightTaker& taker, const TransformerSpec& spec, const std::string& name,
                      Part part = Part::body);

/// Takes queries, keys and values as one matrix, for AttentionSpec::fused_by_group.
Linear take_fused(WeightTaker& taker, const TransformerSpec& spec, const std::string& name,
                  bool bias);

}  // namespace lensbench

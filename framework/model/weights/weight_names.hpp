#pragma once

#include <lensbench/model.hpp>
#include <string_view>

#include "model/weights/weights.hpp"

namespace lensbench {

/// A weight by its TransformerLens name; see Model::weight. A view of the stored tensor, but for
/// the queries of `AttentionSpec::fused_by_group` with grouped heads.
at::Tensor named_weight(const TransformerSpec& spec, const ModelWeights& weights,
                        std::string_view name);

/// A matrix [in, kv_head * (group + 2) * d_head] of `AttentionSpec::fused_by_group`, or its bias
/// [kv_head * (group + 2) * d_head], as [..., kv_head, group + 2, d_head], a view: the queries of a
/// group, its key, its value.
at::Tensor fused_groups(const AttentionSpec& spec, const at::Tensor& fused);

}  // namespace lensbench

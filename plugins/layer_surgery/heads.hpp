#pragma once

#include <lensbench/tools/layer_surgery.hpp>
#include <lensbench/weight_changes.hpp>
#include <string>
#include <vector>

#include "orders.hpp"
#include "variant.hpp"

namespace lensbench::surgery {

/// Pairs of heads of a list such as `1:0,1:3`. \throws UsageError for anything else
std::vector<std::pair<SurgeryHead, SurgeryHead>> parse_heads(const std::vector<std::string>& items);

/// Weights of a block in which head i is alpha times itself plus 1 - alpha times head j, in the
/// query, key, value and output projection, and head j is 0. With i = j head i alone changes. Query
/// heads of one group share keys and values, which then stay.
std::vector<WeightChange> merged_weights(const Model& model, const SurgeryHead& i,
                                         const SurgeryHead& j, double alpha);

/// Last stream of a window with a head's `attn.hook_z` set to zero.
at::Tensor run_without_head(const Model& model, const Window& window, const SurgeryHead& head);
/// Last stream of a window on a view of the model that differs from block `first` on.
at::Tensor run_from(const Model& view, const Window& window, std::int64_t first);

/// For each pair the variants `merge` and `ablate`: the merged heads, and only the loss of head j.
/// \throws UsageError for pairs that the model cannot merge
std::vector<Variant> head_variants(const SharedModel& model, const LayerSurgeryOptions& options);

}  // namespace lensbench::surgery

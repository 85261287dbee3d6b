#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/hooks/hook_points.hpp"

namespace lensbench {

/// Other names of a point: those of TransformerBridge that are this very tensor.
std::vector<std::string> aliases_of(const TransformerSpec& spec, Point point, std::int64_t layer);

/// A name of `get_act_name` in full: `k6` is `blocks.6.attn.hook_k`, `scale4ln1` is
/// `blocks.4.ln1.hook_scale`, `resid_post` that of every block (`blocks.*.hook_resid_post`).
/// Nothing for what is no such name.
std::optional<std::string> unabbreviated(std::string_view name);

/// The points that a name, an alias, a short name or a glob of names or aliases means. Where a glob
/// matches a name, aliases do not count.
/// \param points  `placed_points(spec)`
/// \throws UsageError naming near misses, or why the point does not exist for this model
std::vector<PlacedPoint> matching_points(const TransformerSpec& spec,
                                         const std::vector<PlacedPoint>& points,
                                         std::string_view glob);

/// The sentence of the error for a glob that matches no point of this model.
std::string no_match_message(const TransformerSpec& spec, std::string_view glob);

}  // namespace lensbench

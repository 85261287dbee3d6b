#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/hooks/hook_points.hpp"

namespace lensbench {

/// Other names of a point: TransformerBridge names of the same tensor.
std::vector<std::string> aliases_of(const TransformerSpec& spec, Point point, std::int64_t layer);

/// Full form of a `get_act_name` name: `k6` is `blocks.6.attn.hook_k`, `scale4ln1` is
/// `blocks.4.ln1.hook_scale`, `resid_post` is `blocks.*.hook_resid_post`. nullopt for other names.
std::optional<std::string> unabbreviated(std::string_view name);

/// Hook points for a name, an alias, a short name, or a glob over names or aliases. Aliases are
/// tried only if the glob matches no name, short names last. \param points  `placed_points(spec)`
/// \throws UsageError with the nearest names, or the reason why this model lacks the point
std::vector<PlacedPoint> matching_points(const TransformerSpec& spec,
                                         const std::vector<PlacedPoint>& points,
                                         std::string_view glob);

/// Error message for a glob that matches no hook point of this model.
std::string no_match_message(const TransformerSpec& spec, std::string_view glob);

}  // namespace lensbench

#pragma once

#include <lensbench/error.hpp>
#include <lensbench/hooks.hpp>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace lensbench::tracing {

/// Hook points that globs select, in forward order. `!` excludes: the exclusions apply to all
/// globs, whatever their order.
/// \param tool  name for the message
/// \throws UsageError if nothing is left, and under the conditions of `match_hook_points`
inline std::vector<HookPoint> chosen_points(const std::string& tool, const TransformerSpec& spec,
                                            const std::vector<std::string>& globs) {
  std::set<std::string> wanted, left_out;
  for (const std::string& glob : globs) {
    const bool excluded = glob.starts_with("!");
    for (const HookPoint& point : match_hook_points(spec, excluded ? glob.substr(1) : glob))
      (excluded ? left_out : wanted).insert(point.name);
  }
  std::vector<HookPoint> points;
  for (HookPoint& point : hook_points(spec))
    if (wanted.contains(point.name) && !left_out.contains(point.name))
      points.push_back(std::move(point));
  if (points.empty())
    throw UsageError(
        tool +
        ": parameter hooks selects nothing; give at least one name or glob that is not "
        "excluded again");
  return points;
}

}  // namespace lensbench::tracing

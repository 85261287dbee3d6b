#include "grading/output/floors.hpp"

#include <algorithm>
#include <charconv>
#include <lensbench/error.hpp>
#include <set>

#include "core/text/suggest.hpp"
#include "grading/scores/metric_names.hpp"
#include "report/terminal/numbers.hpp"

namespace lensbench::grading {
namespace {

std::vector<std::string> all_metrics() {
  std::set<std::string> names = {"null", "gauge"};
  for (const TableKind kind :
       {TableKind::effects, TableKind::edges, TableKind::stream, TableKind::probability,
        TableKind::rank, TableKind::layer, TableKind::distribution, TableKind::attention,
        TableKind::presence, TableKind::features})
    for (const std::string& name : metric_names(kind, true)) names.insert(name);
  return {names.begin(), names.end()};
}

}  // namespace

Floor parse_floor(const std::string& text) {
  const auto colon = text.find(':'),
             equals = text.find('=', colon == std::string::npos ? 0 : colon);
  Floor floor;
  if (colon != std::string::npos && equals != std::string::npos) {
    floor.claim = text.substr(0, colon);
    floor.metric = text.substr(colon + 1, equals - colon - 1);
    const char *begin = text.data() + equals + 1, *end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(begin, end, floor.value);
    if (error == std::errc() && rest == end) {
      find_claim(floor.claim);
      const auto names = all_metrics();
      if (std::find(names.begin(), names.end(), floor.metric) != names.end()) return floor;
      throw UsageError("--floor '" + text + "': the metric '" + floor.metric + "' is not known" +
                       suggest(floor.metric, names));
    }
  }
  throw UsageError("--floor '" + text +
                   "': expected CLAIM:METRIC=VALUE, such as effect.dla:error=0.01");
}

std::vector<std::string> missed_floors(const Grades& grades, const std::vector<Floor>& floors) {
  std::vector<std::string> missed;
  for (const Floor& floor : floors) {
    const bool at_least = larger_is_better(floor.metric);
    const std::string wanted = floor.claim + ":" + floor.metric + (at_least ? " >= " : " <= ") +
                               terminal::number(floor.value);
    bool found = false;
    for (const Entry& entry : grades.entries) {
      const Estimate* estimate =
          entry.claim == floor.claim ? find_estimate(entry, floor.metric) : nullptr;
      if (estimate == nullptr) continue;
      found = true;
      // NaN reaches no floor.
      const bool reached =
          at_least ? estimate->value >= floor.value : estimate->value <= floor.value;
      if (!reached)
        missed.push_back("floor missed: " + entry.tool + " has " + floor.metric + " " +
                         terminal::number(estimate->value) + ", expected " + wanted);
    }
    if (!found) missed.push_back("floor missed: no graded tool has a score for " + wanted);
  }
  return missed;
}

}  // namespace lensbench::grading

#pragma once

#include <algorithm>
#include <cstddef>
#include <string>

#include "grading/scores/item_table.hpp"
#include "grading/scores/metric_names.hpp"

namespace lensbench::grading {

/// One metric of a table over all its prompts.
inline double metric(const ItemTable& table, const std::string& name) {
  const auto names = metric_names(table.kind, table.has_unit);
  const auto found = std::find(names.begin(), names.end(), name);
  return metrics_of(table).at(static_cast<std::size_t>(found - names.begin()));
}

}  // namespace lensbench::grading

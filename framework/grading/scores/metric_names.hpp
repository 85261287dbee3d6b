#pragma once

#include <string>
#include <vector>

#include "grading/scores/item_table.hpp"

namespace lensbench::grading {

/// Names of the metrics of a kind of table, in the order of listings.
std::vector<std::string> metric_names(TableKind kind, bool has_unit);
/// Whether a larger value of a metric is better.
bool larger_is_better(const std::string& metric);

}  // namespace lensbench::grading

#pragma once

#include <string>
#include <vector>

#include "grading/run/grade.hpp"

namespace lensbench::grading {

/// Least value of a metric of a claim; the largest where smaller is better.
struct Floor {
  std::string claim, metric;
  double value = 0;
};

/// Parses `CLAIM:METRIC=VALUE`. \throws UsageError for another form, an unknown claim or metric
Floor parse_floor(const std::string& text);

/// A sentence for each entry that misses a floor, and for each floor without an entry.
std::vector<std::string> missed_floors(const Grades& grades, const std::vector<Floor>& floors);

}  // namespace lensbench::grading

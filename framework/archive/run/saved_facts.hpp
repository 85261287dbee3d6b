#pragma once

#include <cstdint>
#include <lensbench/dataset.hpp>
#include <map>
#include <set>
#include <string>
#include <vector>

// Facts about the datasets of a case that a run needs after their values are freed.

namespace lensbench {

/// Adds the token ids in variables with `Holds::token_ids`.
void collect_token_ids(const Dataset& dataset, std::set<std::int64_t>& ids);

std::vector<std::string> names_of(const std::map<std::string, Dataset>& saved);

/// Copy of a dataset whose axes have length 0.
Dataset outline_of(const Dataset& dataset);

/// Number of receipts that failed.
std::int64_t failed_receipts_of(const std::map<std::string, Dataset>& saved);

}  // namespace lensbench

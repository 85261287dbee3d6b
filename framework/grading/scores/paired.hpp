#pragma once

#include <vector>

#include "grading/scores/entry.hpp"

namespace lensbench::grading {

/// Sets how much worse each entry is than the best one with items of the same kind, in the first
/// metric: on the tasks that both have, with an interval from the draws that both saw. Takes the
/// `headline` of the entries, which is then empty.
void compare_with_best(std::vector<Entry>& entries);

}  // namespace lensbench::grading

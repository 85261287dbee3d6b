#pragma once

#include <vector>

#include "grading/scores/entry.hpp"

namespace lensbench::grading {

/// Sets how much worse each entry is than the best one in the first metric: of all that rank
/// components, of all that rank edges, else of those with the same claim. It is a mean over the
/// tasks that both have, with an interval from the draws that both saw. Takes the `headline` of the
/// entries, which is then empty.
void compare_with_best(std::vector<Entry>& entries);

}  // namespace lensbench::grading

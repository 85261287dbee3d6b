#pragma once

#include <string>
#include <vector>

#include "grading/run/grade.hpp"

namespace lensbench::grading {

/// An item that an entry ranks far from where the truth has it, mean over prompts.
struct WorstItem {
  std::size_t task = 0;  ///< index into `Grades::tasks`
  std::string item;
  double claimed = 0, truth = 0;           ///< the claimed and the true value of the claim
  double claimed_rank = 0, true_rank = 0;  ///< by size, 1 for the largest; of the total effect
  std::size_t items = 0;                   ///< number of ranked items
  double misplaced() const {
    return claimed_rank > true_rank ? claimed_rank - true_rank : true_rank - claimed_rank;
  }
};

/// The most misplaced items of an entry about components, at most `n`; none if all are in place.
std::vector<WorstItem> worst_items(const Entry& entry, std::size_t n);

}  // namespace lensbench::grading

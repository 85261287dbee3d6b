#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/experiment.hpp>
#include <lensbench/hypothesis.hpp>
#include <string>
#include <vector>

#include "common/heads.hpp"

namespace indirect_object_identification {

using common::by_score;
using common::Head;
using common::name_of;

/// Heads that the first half of the traced prompts of every case chooses.
struct Selection {
  std::vector<Head> direct;   ///< write most of A minus B to the logits, the largest first
  std::vector<Head> patched;  ///< largest absolute recovery of their output, the largest first
};

/// \param cases  with the datasets `heads`
/// \param top_k  most heads of each list
Selection choose_heads(const lensbench::Summary& cases, std::int64_t top_k);

/// The heads of `direct` whose query can depend on an earlier head, as receivers: `L5H1.q`.
std::vector<std::string> receivers_of(const Selection& selection);

/// Contributions, recoveries and attention of all heads over the second half of the prompts.
lensbench::Dataset heads_of(const lensbench::Summary& cases,
                            const lensbench::statistics::Resampling& resampling);

/// Recoveries by the paths from every head to the queries of the receivers.
/// \param cases       with the datasets `paths`
/// \param resampling  settings of the intervals
lensbench::Dataset paths_of(const lensbench::Summary& cases,
                            const lensbench::statistics::Resampling& resampling);

/// The chosen heads, with their numbers over the second half of the prompts.
/// \param heads  result of `heads_of`
/// \param paths  result of `paths_of`; nullptr: no receivers
lensbench::Dataset chosen_heads(const Selection& selection, const lensbench::Dataset& heads,
                                const lensbench::Dataset* paths);

}  // namespace indirect_object_identification

#pragma once

#include <cstdint>
#include <lensbench/dataset.hpp>
#include <vector>

#include "fits.hpp"
#include "measures.hpp"
#include "plan.hpp"

namespace lensbench::probing {

/// Whether a group has rows in more than one fold.
Receipt group_receipt(const std::vector<std::int64_t>& fold_of,
                      const std::vector<std::int64_t>& groups);

/// Whether directions point from the mean of label 0 to that of label 1.
/// \param against_means  see `Fits::against_means`
Receipt direction_receipt(const at::Tensor& against_means);

/// Whether probes for shuffled labels are right more often than chance allows, in standard
/// deviations of a binomial distribution, at the worst point.
Receipt shuffled_receipt(const std::vector<HeldOut>& shuffled,
                         const std::vector<std::int64_t>& labels, std::int64_t classes);

}  // namespace lensbench::probing

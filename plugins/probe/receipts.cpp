#include "receipts.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>

#include <algorithm>
#include <cmath>

#include "common/folds.hpp"
#include "common/worst.hpp"

namespace lensbench::probing {
namespace {

/// The number that a standard normal exceeds with this probability, by bisection.
double upper_quantile(double probability) {
  double low = 0, high = 40;
  for (int i = 0; i < 200; ++i) {
    const double middle = (low + high) / 2;
    (std::erfc(middle / std::sqrt(2.0)) / 2 > probability ? low : high) = middle;
  }
  return high;
}

/// Excess of right predictions over chance, in standard deviations of a binomial distribution: a
/// label with share p that is predicted with share q is then right in p q of all rows.
struct Excess {
  double found = 0;     ///< excess of the predictions
  double half_way = 0;  ///< if they were right half as much more often as they can be
};

Excess excess(const HeldOut& rows, const std::vector<std::int64_t>& labels, std::int64_t classes) {
  std::vector<double> share(static_cast<std::size_t>(classes), 0.0), predicted = share;
  double n = 0, right = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (rows.predicted()[i] < 0) continue;
    share[static_cast<std::size_t>(labels[i])] += 1;
    predicted[static_cast<std::size_t>(rows.predicted()[i])] += 1;
    right += rows.correct()[i];
    n += 1;
  }
  double chance = 0;
  for (std::size_t c = 0; c < share.size(); ++c) chance += share[c] * predicted[c] / (n * n);
  const double deviation = std::sqrt(chance * (1 - chance) * n);
  if (!(deviation > 0)) return {};
  return {(right - chance * n) / deviation, (1 - chance) * n / 2 / deviation};
}

}  // namespace

Receipt group_receipt(const std::vector<std::int64_t>& fold_of,
                      const std::vector<std::int64_t>& groups) {
  return make_receipt("no_group_in_two_folds", static_cast<double>(divided_groups(fold_of, groups)),
                      0, "groups with examples in more than one fold");
}

Receipt direction_receipt(const at::Tensor& against_means) {
  double worst = 0;
  const at::Tensor values = against_means.contiguous();
  for (std::int64_t i = 0; i < values.size(0); ++i)
    worst = worst_of(worst, values.data_ptr<double>()[i]);
  return make_receipt("direction_separates_the_means_on_its_side", worst, 0,
                      "cosine between a direction and the way from the mean of the larger label to "
                      "that of the smaller one; worst of the points");
}

/// Rows that resemble each other, such as texts of one source, are right or wrong together, so that
/// chance alone exceeds the limit for independent rows. A probe that saw the labels of its rows is
/// right on nearly all of them.
Receipt shuffled_receipt(const std::vector<HeldOut>& shuffled,
                         const std::vector<std::int64_t>& labels, std::int64_t classes) {
  const auto points = static_cast<double>(std::max<std::size_t>(1, shuffled.size()));
  const double independent = upper_quantile(0.01 / points);
  double worst = 0, allowed = independent;
  for (const HeldOut& rows : shuffled) {
    const Excess one = excess(rows, labels, classes);
    const double limit = std::max(independent, std::min(2 * independent, one.half_way));
    // The point that is nearest to its limit, or farthest above it.
    if (one.found / limit <= worst / allowed && !std::isnan(one.found)) continue;
    worst = one.found;
    allowed = limit;
  }
  return make_receipt(
      "shuffled_labels_are_at_chance", worst, allowed,
      "standard deviations of a binomial above chance, worst of the points; half of "
      "the way to all rows right, but between once and twice the limit of 1 % in "
      "all for rows that do not resemble each other. Below chance is usual: rows "
      "left for training have the other labels more often");
}

}  // namespace lensbench::probing

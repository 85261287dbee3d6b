#pragma once

#include <vector>

namespace lensbench::attribution {

/// Pearson's correlation coefficient. NaN for fewer than two points or a constant series.
double pearson(const std::vector<double>& x, const std::vector<double>& y);

/// Spearman's rank correlation: Pearson's of the ranks, equal values sharing their mean rank.
double spearman(const std::vector<double>& x, const std::vector<double>& y);

}  // namespace lensbench::attribution

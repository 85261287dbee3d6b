#pragma once

#include <cstddef>
#include <functional>
#include <vector>

// Statistics over cases in plain loops, written down from their definitions for the tests of
// experiments. Nothing here calls lensbench. NaN is a missing value and is left out.

namespace lensbench::testing::reference {

using Values = std::vector<double>;  ///< one value a case

double mean(const Values& values);
/// sqrt(sum (x - mean)^2 / (n - 1)) / sqrt(n)
double standard_error(const Values& values);
/// Hyndman and Fan 1996, type 7
double quantile(const Values& values, double q);
/// Mean in standard deviations (n - 1) of the values.
double cohens_d_z(const Values& values);
/// Two-sided p of a mean of zero: the share of all 2^n choices of signs whose sum is as far from
/// zero as that of the values.
double sign_flip_p(const Values& values);
/// Benjamini and Hochberg 1995: the least m p_j / #{k: p_k <= p_j} over all p_j >= p_i, at most 1.
Values benjamini_hochberg(const Values& p);
double pearson(const Values& x, const Values& y);
/// Pearson's of the ranks; equal values share the mean of theirs.
double spearman(const Values& x, const Values& y);

/// Where an end of a bootstrap interval may be found.
struct Range {
  double least, most;
};
struct IntervalEnds {
  Range low, high;
};

/// The ends of the 95 % BCa interval of the mean (Efron 1987), from all n^n samples of n values
/// instead of random ones. `draws` random samples estimate a share s with a standard error of
/// sqrt(s (1 - s) / draws); a range goes four of them to either side, both for the share below the
/// estimate and for the quantile read off.
IntervalEnds bootstrap_interval(const Values& values, double draws);

/// The ends of the 95 % percentile interval of any statistic, from all n^n samples of n units
/// instead of random ones; NaN is left out. Ranges as for `bootstrap_interval`.
/// \param statistic  of the units with these indices
IntervalEnds percentile_interval(
    std::size_t units, const std::function<double(const std::vector<std::size_t>&)>& statistic,
    double draws);

}  // namespace lensbench::testing::reference

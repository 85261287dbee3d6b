#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <lensbench/dataset.hpp>
#include <lensbench/export.hpp>
#include <string>
#include <vector>

/// Confidence intervals and hypothesis tests over cases. Resampling draws from Philox, so seed and
/// number of samples determine the result on every machine; both are stored as attributes of the
/// result. NaN is a missing value and is left out; too few values give NaN, never an error.
namespace lensbench::statistics {

/// Settings of resampling: number of samples, random seed and confidence level.
struct Resampling {
  std::int64_t samples = 10000;  ///< number of random samples
  std::uint64_t seed = 0;        ///< random seed
  double confidence = 0.95;      ///< confidence level of intervals
};

/// Confidence interval of an estimate.
struct Interval {
  double estimate;  ///< estimate from all values
  double low;       ///< lower bound
  double high;      ///< upper bound
};

/// Bootstrap interval of the mean, bias-corrected and accelerated (BCa; Efron, "Better bootstrap
/// confidence intervals", JASA 82, 1987). The interval of a constant sample has width 0; for fewer
/// than two values, the bounds are NaN.
/// \throws UsageError for a confidence outside (0, 1) or fewer than 100 samples
LENSBENCH_API Interval bootstrap_mean(const std::vector<double>& values,
                                      const Resampling& resampling = {});

/// Statistic of a sample of cases: numbers that are computed from the cases with these indices. In
/// a random sample, an index may occur several times and counts each time. The function returns
/// equally many numbers for every sample, and NaN for a number that the sample does not determine.
using SampleStatistic = std::function<std::vector<double>(const std::vector<std::size_t>& cases)>;

/// Bootstrap of a statistic.
struct Bootstrap {
  std::vector<Interval> intervals;  ///< interval of each number of the statistic
  at::Tensor draws;                 ///< [sample, number] float64, the numbers of each random sample
};

/// Percentile bootstrap of any statistic over cases, such as a rank correlation or an area under a
/// curve: the bounds are the quantiles (1 - confidence) / 2 and (1 + confidence) / 2 of the numbers
/// of random samples, with `quantile` of statistics.hpp (Efron and Tibshirani, An Introduction to
/// the Bootstrap, 1993, section 13.3). A random sample has as many draws with replacement as there
/// are cases. With groups, it has as many draws as there are groups, and each drawn group brings
/// all of its cases: for cases that depend on each other. Samples whose number is NaN are left out
/// of the bounds of that number. Fewer than two cases or groups give NaN bounds and no samples.
/// \param cases       number of cases
/// \param statistic   the numbers; also called once with all cases in order, for the estimates
/// \param resampling  number of samples, seed and confidence
/// \param groups      label of the group of each case; empty: every case is a group of its own
/// 	hrows UsageError for a confidence outside (0, 1), fewer than 100 samples, another number of
///   labels than cases, or a statistic that does not give equally many numbers for each sample
LENSBENCH_API Bootstrap bootstrap(std::size_t cases, const SampleStatistic& statistic,
                                  const Resampling& resampling = {},
                                  const std::vector<std::string>& groups = {});

/// Result of a test of two samples, or of one sample against zero.
struct TestResult {
  double difference;          ///< mean(a) - mean(b), or mean(a)
  double p;                   ///< two-sided p-value
  double effect_size;         ///< standardised difference; see each test
  double statistic;           ///< t, or the difference for a permutation test
  double degrees_of_freedom;  ///< NaN for permutation tests
};

/// Unpaired permutation test of the means: all splits of the pooled values if there are at most
/// `samples`, else `samples` random splits with p = (1 + number as extreme) / (1 + samples)
/// (Phipson and Smyth, SAGMB 9, 2010). Effect size: Hedges' g.
LENSBENCH_API TestResult permutation_test(const std::vector<double>& a,
                                          const std::vector<double>& b,
                                          const Resampling& resampling = {});

/// Paired permutation test, which flips the signs of the differences a - b: all sign patterns if
/// there are at most `samples`, else random ones. Pairs with a missing value are left out. Effect
/// size: Cohen's d_z.
/// \throws UsageError for samples of different length
LENSBENCH_API TestResult paired_permutation_test(const std::vector<double>& a,
                                                 const std::vector<double>& b,
                                                 const Resampling& resampling = {});

/// Welch's t-test, with the degrees of freedom of Welch and Satterthwaite. Effect size: Hedges' g.
LENSBENCH_API TestResult welch_t_test(const std::vector<double>& a, const std::vector<double>& b);

/// Hedges' g: (mean(a) - mean(b)) / pooled standard deviation, times the small-sample factor
/// 1 - 3/(4n - 9) for n values in total (Hedges, J. Educational Statistics 6, 1981).
LENSBENCH_API double hedges_g(const std::vector<double>& a, const std::vector<double>& b);

/// Correction of p-values for the number of tests.
enum class Correction {
  none,
  holm,                ///< family-wise error rate (Holm 1979)
  benjamini_hochberg,  ///< false discovery rate (Benjamini and Hochberg 1995)
};

/// Adjusted p-values in the given order; missing values remain missing and are not counted.
LENSBENCH_API std::vector<double> adjust(const std::vector<double>& p, Correction correction);

/// Adds `<name>_interval` with a leading axis `bound` (low, high): the bootstrap interval of the
/// mean over cases, element by element, with method, confidence, samples and seed as its
/// attributes. The arguments are those of `add_over_cases`.
LENSBENCH_API void add_intervals(Dataset& dataset, const Variable& like,
                                 const std::vector<std::string>& dims,
                                 const std::vector<at::Tensor>& cases,
                                 const Resampling& resampling = {});

/// Adds a sign-flip permutation test, element by element, of whether the mean over cases differs
/// from zero: `<name>_p`, `<name>_p_adjusted` (corrected for the number of elements) and
/// `<name>_effect_size` (d_z).
LENSBENCH_API void add_tests_against_zero(Dataset& dataset, const Variable& like,
                                          const std::vector<std::string>& dims,
                                          const std::vector<at::Tensor>& cases,
                                          Correction correction = Correction::benjamini_hochberg,
                                          const Resampling& resampling = {});

/// Test for the comparison of two groups of cases.
enum class Comparison {
  paired_permutation,  ///< permutation test of the same cases under two conditions, in equal order
  permutation,         ///< permutation test of two groups of cases
  welch,               ///< Welch's t-test of two groups of cases, without random numbers
};

/// Adds a comparison of two groups of cases, element by element of a grid (layers, positions,
/// heads): `<name>_difference` (mean of `a` minus mean of `b`), `<name>_p`, `<name>_p_adjusted`
/// (corrected for the number of elements), `<name>_effect_size` (d_z if paired, else Hedges' g),
/// and for Welch's test `<name>_t` and `<name>_degrees_of_freedom`. Method, correction, seed and
/// number of samples are attributes of the variables.
/// \param dataset     dataset to extend
/// \param like, dims  as in `add_over_cases`
/// \param a, b        one tensor per case, all of equal shape
/// \param comparison  test to use
/// \param correction  correction for the number of elements
/// \param resampling  settings of a permutation test
/// \throws UsageError if shapes differ, `a` or `b` is empty, or pairs are incomplete
LENSBENCH_API void add_comparison(Dataset& dataset, const Variable& like,
                                  const std::vector<std::string>& dims,
                                  const std::vector<at::Tensor>& a,
                                  const std::vector<at::Tensor>& b, Comparison comparison,
                                  Correction correction = Correction::benjamini_hochberg,
                                  const Resampling& resampling = {});

}  // namespace lensbench::statistics

#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/dataset.hpp>
#include <lensbench/export.hpp>
#include <string>
#include <vector>

/// Confidence intervals and hypothesis tests over cases. Random ones draw from Philox, so that seed
/// and number of samples give the same result everywhere; both are kept beside what they made.
/// NaN is a missing value and is left out; too few values give NaN, never an error.
namespace lensbench::statistics {

/// How often and from which seed something is drawn again.
struct Resampling {
  std::int64_t samples = 10000;  ///< draws
  std::uint64_t seed = 0;        ///< of the draws
  double confidence = 0.95;      ///< of intervals
};

/// An estimate between its bounds.
struct Interval {
  double estimate;  ///< of all values
  double low;       ///< lower bound
  double high;      ///< upper bound
};

/// Bootstrap interval of the mean, bias-corrected and accelerated (BCa; Efron, "Better bootstrap
/// confidence intervals", JASA 82, 1987). A constant sample has an interval of no width; fewer than
/// two values have NaN bounds.
/// \throws UsageError for a confidence outside (0, 1) or fewer than 100 samples
LENSBENCH_API Interval bootstrap_mean(const std::vector<double>& values,
                                      const Resampling& resampling = {});

/// A test of two samples, or of one against zero.
struct TestResult {
  double difference;          ///< mean(a) - mean(b), or mean(a)
  double p;                   ///< two-sided
  double effect_size;         ///< standardised difference; see each test
  double statistic;           ///< t, or the difference for a permutation test
  double degrees_of_freedom;  ///< NaN where there are none
};

/// Unpaired permutation test of the means: every split of the pooled values if there are no more
/// than `samples`, else that many random ones, p = (1 + as extreme) / (1 + samples) (Phipson and
/// Smyth, SAGMB 9, 2010). Effect size: Hedges' g.
LENSBENCH_API TestResult permutation_test(const std::vector<double>& a,
                                          const std::vector<double>& b,
                                          const Resampling& resampling = {});

/// Paired permutation test: signs of the differences a - b are flipped, all of them if there are no
/// more than `samples`. Pairs with a missing value are left out. Effect size: Cohen's d_z.
/// \throws UsageError for samples of different length
LENSBENCH_API TestResult paired_permutation_test(const std::vector<double>& a,
                                                 const std::vector<double>& b,
                                                 const Resampling& resampling = {});

/// Welch's t-test, with the degrees of freedom of Welch and Satterthwaite. Effect size: Hedges' g.
LENSBENCH_API TestResult welch_t_test(const std::vector<double>& a, const std::vector<double>& b);

/// (mean(a) - mean(b)) / pooled standard deviation, times the small-sample factor 1 - 3/(4n - 9)
/// with n values in all (Hedges, J. Educational Statistics 6, 1981).
LENSBENCH_API double hedges_g(const std::vector<double>& a, const std::vector<double>& b);

/// Of p-values for the number of tests.
enum class Correction {
  none,
  holm,                ///< family-wise error rate (Holm 1979)
  benjamini_hochberg,  ///< false discovery rate (Benjamini and Hochberg 1995)
};

/// Adjusted p-values in the order given; a missing one stays missing and does not count.
LENSBENCH_API std::vector<double> adjust(const std::vector<double>& p, Correction correction);

/// Adds `<name>_interval` with a leading axis `bound` (low, high): the bootstrap interval of the
/// mean over cases, element by element, with method, confidence, samples and seed as its
/// attributes. Arguments as of `add_over_cases`.
LENSBENCH_API void add_intervals(Dataset& dataset, const Variable& like,
                                 const std::vector<std::string>& dims,
                                 const std::vector<at::Tensor>& cases,
                                 const Resampling& resampling = {});

/// Adds `<name>_p` and `<name>_p_adjusted`: whether the mean over cases differs from zero, by
/// flipping signs, corrected for the number of elements tested; and `<name>_effect_size` (d_z).
LENSBENCH_API void add_tests_against_zero(Dataset& dataset, const Variable& like,
                                          const std::vector<std::string>& dims,
                                          const std::vector<at::Tensor>& cases,
                                          Correction correction = Correction::benjamini_hochberg,
                                          const Resampling& resampling = {});

/// How two groups of cases are compared.
enum class Comparison {
  paired_permutation,  ///< the same cases under two conditions, in the same order
  permutation,         ///< two groups of cases
  welch,               ///< two groups, by the t-test; draws nothing
};

/// Adds how two groups of cases differ, element by element of a grid (layers, positions, heads):
/// `<name>_difference` (mean of `a` less mean of `b`), `<name>_p`, `<name>_p_adjusted` for the
/// number of elements tested, `<name>_effect_size` (d_z if paired, else Hedges' g); for Welch's
/// test `<name>_t` and `<name>_degrees_of_freedom` too. Method, correction, and what was drawn with
/// (seed, number of samples) are their attributes.
/// \param dataset     what they are added to
/// \param like, dims  as of `add_over_cases`
/// \param a, b        one tensor a case, all of one shape
/// \param comparison  the test
/// \param correction  for the number of elements tested
/// \param resampling  what a permutation test draws
/// \throws UsageError for other shapes, no cases, or pairs of different number
LENSBENCH_API void add_comparison(Dataset& dataset, const Variable& like,
                                  const std::vector<std::string>& dims,
                                  const std::vector<at::Tensor>& a,
                                  const std::vector<at::Tensor>& b, Comparison comparison,
                                  Correction correction = Correction::benjamini_hochberg,
                                  const Resampling& resampling = {});

}  // namespace lensbench::statistics

#pragma once

#include <lensbench/dataset.hpp>
#include <lensbench/export.hpp>
#include <string>
#include <vector>

/// Statistics over cases, in float64 and in index order. NaN is a missing value.
namespace lensbench::statistics {

/// Arithmetic mean without missing values; NaN if all values are missing.
LENSBENCH_API double mean(const std::vector<double>& values);

/// Standard error of the mean, sqrt(sum (x - mean)^2 / (n - 1)) / sqrt(n), without missing values;
/// NaN for fewer than two values.
LENSBENCH_API double standard_error(const std::vector<double>& values);

/// Quantile by linear interpolation between the two nearest values (Hyndman and Fan 1996, type 7;
/// NumPy's default), without missing values; NaN if all values are missing.
/// \param values  any number of values, in any order
/// \param q       0 to 1
LENSBENCH_API double quantile(const std::vector<double>& values, double q);

/// Pearson's correlation coefficient. NaN for lists of different length, fewer than two values, a
/// constant list, or values that are not finite.
LENSBENCH_API double pearson(const std::vector<double>& x, const std::vector<double>& y);

/// Spearman's rank correlation: Pearson's coefficient of the ranks, where equal values have their
/// mean rank. NaN under the conditions of `pearson`.
LENSBENCH_API double spearman(const std::vector<double>& x, const std::vector<double>& y);

/// Values of a tensor in float64, in C order.
LENSBENCH_API std::vector<double> values_of(const at::Tensor& tensor);

/// Adds `<name>_mean`, `<name>_se` (standard error of the mean) and `<name>_quantile` (with a
/// leading axis `quantile`: 0.25, 0.5, 0.75), each over cases and element by element.
/// \param dataset  dataset to extend
/// \param like     variable of one case, the source of name, units and description
/// \param dims     axes of each tensor in `cases`
/// \param cases    one tensor per case, all of equal shape
/// \throws UsageError if `cases` is empty or the shapes differ
LENSBENCH_API void add_over_cases(Dataset& dataset, const Variable& like,
                                  const std::vector<std::string>& dims,
                                  const std::vector<at::Tensor>& cases);

}  // namespace lensbench::statistics

#pragma once

#include <lensbench/dataset.hpp>
#include <lensbench/export.hpp>
#include <string>
#include <vector>

/// Statistics over cases, in float64 and in index order. NaN is a missing value.
namespace lensbench::statistics {

/// Missing values are left out; NaN if nothing is left.
LENSBENCH_API double mean(const std::vector<double>& values);

/// Of the mean: sqrt(sum (x - mean)^2 / (n - 1)) / sqrt(n), missing values left out. NaN for fewer
/// than two.
LENSBENCH_API double standard_error(const std::vector<double>& values);

/// Linear between the two nearest values (Hyndman and Fan 1996, type 7; NumPy's default), missing
/// values left out; NaN if nothing is left.
/// \param values  of any number
/// \param q       0 to 1
LENSBENCH_API double quantile(const std::vector<double>& values, double q);

/// Pearson's correlation coefficient. NaN for lists of different length, fewer than two points, a
/// constant list, or values that are not finite.
LENSBENCH_API double pearson(const std::vector<double>& x, const std::vector<double>& y);

/// Spearman's rank correlation: Pearson's of the ranks, equal values sharing their mean rank. NaN
/// as `pearson`.
LENSBENCH_API double spearman(const std::vector<double>& x, const std::vector<double>& y);

/// Values of a tensor in float64, C order.
LENSBENCH_API std::vector<double> values_of(const at::Tensor& tensor);

/// Adds `<name>_mean`, `<name>_se` (standard error of the mean) and `<name>_quantile` (with a
/// leading axis `quantile`: 0.25, 0.5, 0.75), each over cases and element by element.
/// \param dataset  what gets them
/// \param like     a case's variable: its name, units and description are taken over
/// \param dims     axes of each tensor in `cases`
/// \param cases    one tensor a case, all of one shape
/// \throws UsageError if there are no cases or their shapes differ
LENSBENCH_API void add_over_cases(Dataset& dataset, const Variable& like,
                                  const std::vector<std::string>& dims,
                                  const std::vector<at::Tensor>& cases);

}  // namespace lensbench::statistics

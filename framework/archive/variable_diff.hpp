#pragma once

#include <cstdint>
#include <lensbench/dataset.hpp>
#include <lensbench/export.hpp>
#include <optional>
#include <string>

namespace lensbench {

/// How one variable of two datasets compares, from best to worst.
enum class Agreement {
  identical,
  within_tolerance,
  different,
  incomparable,
  only_first,
  only_second
};

/// `identical`, `within tolerance`, ...
LENSBENCH_API std::string to_string(Agreement agreement);

struct VariableDifference {
  std::string name;
  Agreement agreement = Agreement::identical;
  std::string reason;                    ///< why it cannot be compared, or what else differs
  std::int64_t elements = 0;             ///< compared
  std::int64_t differing = 0;            ///< of them not equal in every bit
  double max_absolute = 0;               ///< largest |a - b|; infinity where one is not a number
  double max_relative = 0;               ///< largest |a - b| / max(|a|, |b|)
  double tolerance = 0;                  ///< the most |a - b| may be; 0 for integers and text
  std::optional<double> rank_agreement;  ///< Spearman's correlation of numbers with a fraction
  std::string first;             ///< labels of the first element that differs, outermost first
  std::string first_a, first_b;  ///< its two values
  std::optional<std::int64_t> first_token;  ///< least place along `token` that differs anywhere
};

/// Compares variables of one name. Floats by their bits, so that two NaN of one kind are equal.
///
/// Tolerance: what the attribute `tolerance` of the variable declares, else
/// 1e-5 * max|a| + 1e-7 for floats. Measured: another number of threads or another kernel of the
/// same BLAS changes float32 results by up to 6e-7 of their largest value.
/// \param a, b  the datasets, whose coordinates give the labels
LENSBENCH_API VariableDifference compare_variable(const Dataset& a, const Dataset& b,
                                                  const std::string& name);

/// `token 5 (case 0, position 5, input_token ' God')`
std::string token_label(const Dataset& dataset, std::int64_t token);

}  // namespace lensbench

#pragma once

#include <cstdint>
#include <lensbench/dataset.hpp>
#include <optional>
#include <string>

namespace lensbench {

/// Agreement of one variable in two datasets, from best to worst.
enum class Agreement {
  identical,
  within_tolerance,
  different,
  incomparable,
  only_first,
  only_second
};

/// Name of an agreement: `identical`, `within tolerance`, ...
std::string to_string(Agreement agreement);

struct VariableDifference {
  std::string name;
  Agreement agreement = Agreement::identical;
  std::string reason;                    ///< why it cannot be compared, or which metadata differs
  std::int64_t elements = 0;             ///< number of elements compared
  std::int64_t differing = 0;            ///< number of elements that are not bitwise equal
  double max_absolute = 0;               ///< largest |a - b|; infinity if one is not finite
  double max_relative = 0;               ///< largest |a - b| / max(|a|, |b|)
  double tolerance = 0;                  ///< largest allowed |a - b|; 0 for integers and text
  std::optional<double> rank_agreement;  ///< Spearman's correlation of numbers with a fraction
  std::string first;             ///< labels of the first element that differs, outermost first
  std::string first_a, first_b;  ///< values of that element
  std::optional<std::int64_t> first_token;  ///< smallest index along `token` with a difference
};

/// Compares the variables of one name in two datasets. Floats are compared by their bits, so that
/// NaN of equal bits are equal.
///
/// The tolerance is the attribute `tolerance` of the variable, else 1e-5 * max|a| + 1e-7 for
/// floats. By measurement, another number of threads or another kernel of the same BLAS changes
/// float32 results by up to 6e-7 of their largest value.
/// \param a, b  the datasets, whose coordinates give the labels
VariableDifference compare_variable(const Dataset& a, const Dataset& b, const std::string& name);

/// Label of a token: `token 5 (case 0, position 5, input_token ' God')`.
std::string token_label(const Dataset& dataset, std::int64_t token);

}  // namespace lensbench

#pragma once

#include <cstdint>
#include <lensbench/dataset.hpp>
#include <set>
#include <string>
#include <vector>

#include "experiments/reference_statistics.hpp"
#include "support/results.hpp"

namespace lensbench::testing {

/// Compares the variables of a summary one by one, and knows which ones were compared.
///
/// Numbers may differ by 1e-11 of their size: expected and found are sums of the same few float64
/// numbers in another order, each within some 2^-53 of its terms, and differences of sums lose two
/// or three digits more.
class SummaryCheck {
 public:
  using Dims = std::vector<std::string>;
  /// A list over cases for each element of a variable, in C order.
  using Columns = std::vector<reference::Values>;

  explicit SummaryCheck(const Dataset& summary) : summary_(summary) {}

  void equals(const std::string& name, const Dims& dims, const reference::Values& expected);
  void equals(const std::string& name, const Dims& dims, const std::vector<std::string>& expected);
  /// `<name>_mean`, `_se`, `_quantile` and `_interval` of the columns.
  void describes(const std::string& name, const Dims& dims, const Columns& columns);
  /// `<name>_interval` with a leading axis `bound`: each number in the range of its end.
  void bounds(const std::string& name, const Dims& dims,
              const std::vector<reference::IntervalEnds>& ends);
  /// `<name>_p`, `_p_adjusted` and `_effect_size`: each column against zero.
  void tests_against_zero(const std::string& name, const Dims& dims, const Columns& columns);
  /// Fails if the summary has a variable that was not compared.
  void has_nothing_else() const;

 private:
  const Variable* find(const std::string& name, const Dims& dims);

  const Dataset& summary_;
  std::set<std::string> compared_;
};

}  // namespace lensbench::testing

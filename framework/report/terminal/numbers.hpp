#pragma once

#include <lensbench/dataset.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lensbench::terminal {

/// Values of a tensor as double, with access by index.
class Grid {
 public:
  Grid() = default;
  explicit Grid(const at::Tensor& tensor);

  bool empty() const { return values_.empty(); }
  std::int64_t length(std::size_t axis) const { return shape_.at(axis); }
  template <class... Index>
  double operator()(Index... index) const {
    std::int64_t offset = 0;
    std::size_t axis = 0;
    ((offset = offset * shape_.at(axis++) + static_cast<std::int64_t>(index)), ...);
    return values_.at(static_cast<std::size_t>(offset));
  }
  const std::vector<double>& values() const { return values_; }

 private:
  std::vector<std::int64_t> shape_;
  std::vector<double> values_;
};

/// Tokens [begin, end) of the token axis that belong to one case.
struct CaseRange {
  std::int64_t number = 0;
  std::string id;  ///< id from `case_id`; may be empty
  std::int64_t begin = 0, end = 0;
  std::int64_t size() const { return end - begin; }
};

/// Cases on the token axis, in order; a single case if the axis is without `case`.
std::vector<CaseRange> token_cases(const Dataset& dataset);

/// Whether a variable exists with exactly these dimensions.
bool has(const Dataset& dataset, const std::string& name, const std::vector<std::string>& dims);

/// Values of a variable, restricted to `range` if it has a `token` axis; empty if the dataset does
/// not have a numeric variable of that name.
Grid grid(const Dataset& dataset, const std::string& name, const CaseRange& range);

/// Texts of the tokens in a range; their positions if the dataset does not have texts.
std::vector<std::string> token_texts(const Dataset& dataset, const CaseRange& range);
std::vector<std::int64_t> token_positions(const Dataset& dataset, const CaseRange& range);

/// Probability such as `0.871`; `1` and `0` only if exact at three digits; blank for NaN.
std::string probability(double value);
/// Probability in a table, such as `.871`; `1.00` if it rounds to 1.
std::string short_probability(double value);
/// Per cent, such as `87`, rounded down and at most 99, so that two cells suffice.
std::string percent(double value);
/// Number with `decimals` digits after the point; blank for NaN, `inf` for infinity.
std::string fixed(double value, int decimals);
/// Number without digits after the point; blank for NaN.
std::string whole(double value);
/// Number with four significant digits, for running text.
std::string number(double value);
/// Number and noun: `1 case`, `3 cases`.
std::string count(std::int64_t n, std::string_view noun);

/// Column of numbers in one format: without digits after the point if all are whole, else with
/// enough digits to show four significant digits of the largest; scientific notation if that would
/// hide the smaller ones.
std::vector<std::string> column_of(const std::vector<double>& values);

}  // namespace lensbench::terminal

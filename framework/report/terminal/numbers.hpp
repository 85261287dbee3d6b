#pragma once

#include <lensbench/dataset.hpp>
#include <lensbench/export.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lensbench::terminal {

/// Numbers of a tensor in double, in C order, by index.
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
  std::string id;  ///< of `case_id`, or empty
  std::int64_t begin = 0, end = 0;
  std::int64_t size() const { return end - begin; }
};

/// The cases on the token axis, in order; one if the axis has no `case`.
std::vector<CaseRange> token_cases(const Dataset& dataset);

/// Whether a variable exists with exactly these dimensions.
bool has(const Dataset& dataset, const std::string& name, const std::vector<std::string>& dims);

/// A variable restricted to `range` where it has a `token` axis; an empty grid if there is no such
/// variable of numbers.
Grid grid(const Dataset& dataset, const std::string& name, const CaseRange& range);

/// Texts of a coordinate of `token` within a range, or position numbers if there is no such text.
std::vector<std::string> token_texts(const Dataset& dataset, const CaseRange& range);
std::vector<std::int64_t> token_positions(const Dataset& dataset, const CaseRange& range);

/// `0.871`; `1` and `0` only where exact at three digits; blank for NaN.
std::string probability(double value);
/// `.871` in a table; `1.00` where it rounds to that.
LENSBENCH_API std::string short_probability(double value);
/// `87`: per cent rounded down, at most 99 and so always two cells.
LENSBENCH_API std::string percent(double value);
/// A number with `decimals` digits after the point; blank for NaN, `inf`.
std::string fixed(double value, int decimals);
/// A count without digits after the point; blank for NaN.
std::string whole(double value);
/// Four significant digits, for one value in running text.
std::string number(double value);
/// `1 case`, `3 cases`.
std::string count(std::int64_t n, std::string_view noun);

/// A column of numbers in one format: whole numbers if all are, else as many digits after the point
/// as show four significant ones of the largest; scientific where that would hide the smaller ones.
LENSBENCH_API std::vector<std::string> column_of(const std::vector<double>& values);

}  // namespace lensbench::terminal

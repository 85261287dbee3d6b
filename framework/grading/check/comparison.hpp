#pragma once

#include <cmath>
#include <string>

#include "grading/check/check_planted.hpp"

namespace lensbench::grading {

/// Collects numbers that differ.
class Comparison {
 public:
  /// \param task       prefix of the fields, `tasks[key_swap]`
  /// \param tolerance  that every number may differ by, in addition to the rounding of its text
  Comparison(CheckedTruth& result, std::string task, double tolerance)
      : result_(result), task_(std::move(task)), tolerance_(tolerance) {}

  /// \param digits  significant digits of the stated number
  void number(const std::string& field, const std::string& item, std::optional<std::size_t> prompt,
              double found, double stated, int digits = 5) {
    // A number of n digits may be rounded by 5 in the digit after, relative to 1.
    const double rounding = 5 * std::pow(10.0, -digits) * std::fabs(stated);
    const double allowed = tolerance_ + rounding + 1e-9;
    const double difference = std::fabs(found - stated);
    ++result_.numbers;
    // NaN differs from everything.
    if (!(difference <= allowed))
      result_.wrong.push_back({task_ + "." + field, item, prompt, found, stated});
    else
      result_.largest_share = std::max(result_.largest_share, difference / allowed);
  }

  /// Two tables [item][prompt]; `name` gives the name of a row.
  template <class Name>
  void table(const std::string& field, const Table& found, const Table& stated, Name name) {
    for (std::size_t row = 0; row < stated.size(); ++row)
      for (std::size_t prompt = 0; prompt < stated[row].size(); ++prompt)
        number(field, name(row), prompt, found[row][prompt], stated[row][prompt]);
  }

  void numbers(const std::string& field, const std::string& item, const std::vector<double>& found,
               const std::vector<double>& stated) {
    table(field, {found}, {stated}, [&](std::size_t) { return item; });
  }

 private:
  CheckedTruth& result_;
  std::string task_;
  double tolerance_;
};

}  // namespace lensbench::grading

#include "grading/scores/matching.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace lensbench::grading {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// Adds rows one at a time, each along the cheapest path that exchanges earlier choices (Jonker and
/// Volgenant 1987). Prices keep all reduced costs at 0 or above. Index 0 is the row or column
/// before the first.
class Assignment {
 public:
  explicit Assignment(const Table& values)
      : values_(values),
        rows_(values.size()),
        columns_(std::max(rows_, values.front().size())),
        row_price_(rows_ + 1, 0.0),
        column_price_(columns_ + 1, 0.0),
        row_of_(columns_ + 1, 0) {}

  std::vector<double> matched() {
    for (std::size_t row = 1; row <= rows_; ++row) add(row);
    std::vector<double> result(rows_, 0.0);
    for (std::size_t column = 1; column <= columns_; ++column)
      if (row_of_[column] > 0) result[row_of_[column] - 1] = value(row_of_[column], column);
    return result;
  }

 private:
  double value(std::size_t row, std::size_t column) const {
    const auto& all = values_[row - 1];
    return column > all.size() || std::isnan(all[column - 1]) ? 0 : all[column - 1];
  }

  void add(std::size_t row) {
    std::vector<double> least(columns_ + 1, kInfinity);
    std::vector<std::size_t> before(columns_ + 1, 0);
    std::vector<bool> reached(columns_ + 1, false);
    row_of_[0] = row;
    std::size_t column = 0;
    do {
      reached[column] = true;
      column = next(column, reached, least, before);
    } while (row_of_[column] != 0);
    for (; column != 0; column = before[column]) row_of_[column] = row_of_[before[column]];
  }

  /// The cheapest column that is not reached yet; prices follow.
  std::size_t next(std::size_t column, const std::vector<bool>& reached, std::vector<double>& least,
                   std::vector<std::size_t>& before) {
    const std::size_t row = row_of_[column];
    std::size_t best = 0;
    for (std::size_t j = 1; j <= columns_; ++j) {
      if (reached[j]) continue;
      const double cost = -value(row, j) - row_price_[row] - column_price_[j];
      if (cost < least[j]) {
        least[j] = cost;
        before[j] = column;
      }
      if (best == 0 || least[j] < least[best]) best = j;
    }
    const double step = least[best];
    for (std::size_t j = 0; j <= columns_; ++j) {
      if (!reached[j]) {
        least[j] -= step;
        continue;
      }
      row_price_[row_of_[j]] += step;
      column_price_[j] -= step;
    }
    return best;
  }

  const Table& values_;
  std::size_t rows_, columns_;
  std::vector<double> row_price_, column_price_;
  std::vector<std::size_t> row_of_;  ///< of each column; 0: none
};

double dot(const std::vector<double>& a, const std::vector<double>& b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

}  // namespace

std::vector<double> matched_values(const Table& values) {
  return values.empty() ? std::vector<double>() : Assignment(values).matched();
}

std::vector<double> matched_cosines(const Table& wanted, const Table& found) {
  Table cosines;
  cosines.reserve(wanted.size());
  for (const auto& direction : wanted) {
    cosines.emplace_back();
    for (const auto& other : found) {
      const double size = std::sqrt(dot(direction, direction) * dot(other, other));
      cosines.back().push_back(size > 0 ? std::abs(dot(direction, other)) / size : 0);
    }
  }
  return matched_values(cosines);
}

Table in_their_span(const Table& vectors) {
  // Of rounding alone.
  constexpr double kNothing = 1e-6;
  Table basis;
  for (const auto& vector : vectors) {
    std::vector<double> rest = vector;
    // Twice, since one pass leaves what rounding makes of large parts.
    for (int pass = 0; pass < 2; ++pass)
      for (const auto& known : basis) {
        const double part = dot(rest, known);
        for (std::size_t i = 0; i < rest.size(); ++i) rest[i] -= part * known[i];
      }
    const double size = std::sqrt(dot(rest, rest));
    if (size <= kNothing * std::sqrt(dot(vector, vector))) continue;
    for (double& number : rest) number /= size;
    basis.push_back(std::move(rest));
  }
  Table coordinates;
  coordinates.reserve(vectors.size());
  for (const auto& vector : vectors) {
    coordinates.emplace_back();
    for (const auto& known : basis) coordinates.back().push_back(dot(vector, known));
  }
  return coordinates;
}

}  // namespace lensbench::grading

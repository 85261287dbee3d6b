#include "grading/scores/untrained_dictionaries.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <lensbench/linear_algebra.hpp>
#include <lensbench/statistics.hpp>
#include <limits>

#include "grading/scores/matching.hpp"

namespace lensbench::grading {
namespace {

constexpr double kNoTokens = std::numeric_limits<double>::quiet_NaN();

at::Tensor matrix_of(const Table& rows) {
  std::vector<double> numbers;
  for (const auto& row : rows) numbers.insert(numbers.end(), row.begin(), row.end());
  return at::tensor(numbers, at::kDouble).view({std::ssize(rows), std::ssize(rows.front())});
}

/// Directions of the largest variance, as rows.
Table principal_components(const Table& tokens, std::size_t most) {
  const at::Tensor data = matrix_of(tokens), centred = data - data.mean(0, true);
  const at::Tensor columns =
      linear_algebra::symmetric_eigen(centred.t().matmul(centred)).vectors.contiguous();
  const auto entries = columns.accessor<double, 2>();
  Table components(std::min(most, static_cast<std::size_t>(columns.size(1))),
                   std::vector<double>(static_cast<std::size_t>(columns.size(0))));
  for (std::size_t c = 0; c < components.size(); ++c)
    for (std::size_t i = 0; i < components[c].size(); ++i)
      components[c][i] = entries[std::int64_t(i)][std::int64_t(c)];
  return components;
}

/// The first `count` of the tokens are drawn, each once (Fisher and Yates).
void draw_first(Table& tokens, std::size_t count, Philox& random) {
  for (std::size_t i = 0; i < count; ++i)
    std::swap(tokens[i], tokens[i + random.below(tokens.size() - i)]);
}

}  // namespace

double matched_components(const ItemTable& table) {
  if (table.directions.empty() || table.tokens.empty()) return kNoTokens;
  return statistics::mean(
      matched_cosines(table.directions, principal_components(table.tokens, table.candidates)));
}

double matched_tokens(const ItemTable& table, std::size_t draws, Philox& random) {
  if (table.directions.empty() || table.tokens.empty()) return kNoTokens;
  Table tokens = table.tokens;
  const std::size_t count = std::min(table.candidates, tokens.size());
  std::vector<double> means;
  for (std::size_t draw = 0; draw < draws; ++draw) {
    draw_first(tokens, count, random);
    means.push_back(statistics::mean(matched_cosines(
        table.directions, Table(tokens.begin(), tokens.begin() + std::ptrdiff_t(count)))));
  }
  return statistics::mean(means);
}

}  // namespace lensbench::grading

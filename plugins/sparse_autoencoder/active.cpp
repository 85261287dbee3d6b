#include "active.hpp"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/embedding_bag.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <tuple>

namespace lensbench::dictionaries {
namespace {

constexpr std::int64_t kBlock = 16;  ///< values that the compiler compares side by side

/// Calls `use(feature, value)` for the values above their bound, which few are: blocks without one
/// are passed over.
template <class Value, class Bound, class Use>
void for_each_candidate(std::int64_t features, const Value& value, const Bound& bound,
                        const Use& use) {
  const auto scan = [&](std::int64_t first, std::int64_t end) {
    for (std::int64_t f = first; f < end; ++f)
      if (const float own = value(f); own > bound(f)) use(f, own);
  };
  std::int64_t first = 0;
  for (; first + kBlock <= features; first += kBlock) {
    int found = 0;
    for (std::int64_t i = 0; i < kBlock; ++i)
      found |= static_cast<int>(value(first + i) > bound(first + i));
    if (found != 0) scan(first, first + kBlock);
  }
  scan(first, features);
}

/// A number that at least `k` values reach and few others do, or 0: the k-th of the largest values
/// of about 4 k groups. Groups are columns, which the compiler compares side by side.
template <class Value>
float reached_by_k(const Value& value, std::int64_t features, std::int64_t k) {
  const std::int64_t rows =
      std::max<std::int64_t>(1, std::min(features / kBlock, features / (4 * k)));
  std::vector<float> best;
  best.reserve(static_cast<std::size_t>(features / rows));
  for (std::int64_t first = 0; first + kBlock * rows <= features; first += kBlock * rows) {
    std::array<float, kBlock> columns{};
    for (std::int64_t row = 0; row < rows; ++row)
      for (std::int64_t i = 0; i < kBlock; ++i) {
        float& column = columns[static_cast<std::size_t>(i)];
        const float own = value(first + row * kBlock + i);
        column = own > column ? own : column;
      }
    best.insert(best.end(), columns.begin(), columns.end());
  }
  if (std::ssize(best) < k) return 0;
  std::nth_element(best.begin(), best.begin() + (k - 1), best.end(), std::greater<>());
  return best[static_cast<std::size_t>(k - 1)];
}

template <class Value>
void largest_of(const Value& value, std::int64_t features, std::int64_t k,
                std::vector<ActiveEntry>& entries) {
  // Values that reach the number are above the one before it.
  const float reached = reached_by_k(value, features, k);
  const float bound = reached > 0 ? std::nextafter(reached, 0.0F) : 0.0F;
  for_each_candidate(
      features, value, [&](std::int64_t) { return bound; },
      [&](std::int64_t f, float own) { entries.emplace_back(f, own); });
  if (std::ssize(entries) <= k) return;
  const auto before = [](const ActiveEntry& a, const ActiveEntry& b) {
    return a.second > b.second || (a.second == b.second && a.first < b.first);
  };
  std::nth_element(entries.begin(), entries.begin() + (k - 1), entries.end(), before);
  entries.erase(entries.begin() + k, entries.end());
}

}  // namespace

ActiveFeatures collect_active(
    std::int64_t rows,
    const std::function<void(std::int64_t, std::vector<ActiveEntry>&)>& collect) {
  std::vector<std::vector<ActiveEntry>> found(static_cast<std::size_t>(rows));
  at::parallel_for(0, rows, 1, [&](std::int64_t begin, std::int64_t end) {
    std::vector<ActiveEntry> entries;
    for (std::int64_t row = begin; row < end; ++row) {
      entries.clear();
      collect(row, entries);
      found[static_cast<std::size_t>(row)] = entries;
    }
  });
  ActiveFeatures active;
  active.offsets = at::empty({rows + 1}, at::kLong);
  auto* offsets = active.offsets.data_ptr<std::int64_t>();
  offsets[0] = 0;
  for (std::int64_t row = 0; row < rows; ++row)
    offsets[row + 1] = offsets[row] + std::ssize(found[static_cast<std::size_t>(row)]);
  active.ids = at::empty({offsets[rows]}, at::kLong);
  active.values = at::empty({offsets[rows]}, at::kFloat);
  auto* id = active.ids.data_ptr<std::int64_t>();
  auto* value = active.values.data_ptr<float>();
  for (const auto& entries : found)
    for (const auto& [feature, activation] : entries) {
      *id++ = feature;
      *value++ = activation;
    }
  return active;
}

void above(const float* products, const float* bias, const float* least, std::int64_t features,
           std::vector<ActiveEntry>& entries) {
  for_each_candidate(
      features, [&](std::int64_t f) { return products[f] + bias[f]; },
      [&](std::int64_t f) { return least[f]; },
      [&](std::int64_t f, float value) { entries.emplace_back(f, value); });
}

void largest(const float* products, const float* bias, const float* factors, std::int64_t features,
             std::int64_t k, std::vector<ActiveEntry>& entries) {
  const auto sum = [&](std::int64_t f) { return products[f] + bias[f]; };
  if (factors == nullptr)
    largest_of(sum, features, k, entries);
  else
    largest_of([&](std::int64_t f) { return sum(f) * factors[f]; }, features, k, entries);
  std::sort(entries.begin(), entries.end());
}

at::Tensor weighted_rows(const at::Tensor& matrix, const ActiveFeatures& active) {
  if (active.ids.size(0) == 0) return at::zeros({active.rows(), matrix.size(1)}, at::kFloat);
  constexpr std::int64_t kSum = 0;
  return std::get<0>(at::embedding_bag(matrix, active.ids, active.offsets,
                                       /*scale_grad_by_freq=*/false, kSum, /*sparse=*/false,
                                       active.values, /*include_last_offset=*/true));
}

ActiveFeatures by_feature(const ActiveFeatures& active, std::int64_t features,
                          at::Tensor* entry_of) {
  const std::int64_t entries = active.ids.size(0);
  ActiveFeatures found{at::zeros({features + 1}, at::kLong), at::empty({entries}, at::kLong),
                       at::empty({entries}, at::kFloat)};
  at::Tensor numbers = at::empty({entries}, at::kLong);
  const auto* ids = active.ids.data_ptr<std::int64_t>();
  const auto* starts = active.offsets.data_ptr<std::int64_t>();
  const auto* values = active.values.data_ptr<float>();
  auto* offsets = found.offsets.data_ptr<std::int64_t>();
  for (std::int64_t e = 0; e < entries; ++e) ++offsets[ids[e] + 1];
  for (std::int64_t f = 0; f < features; ++f) offsets[f + 1] += offsets[f];
  std::vector<std::int64_t> next(offsets, offsets + features);
  auto* rows = found.ids.data_ptr<std::int64_t>();
  auto* sorted = found.values.data_ptr<float>();
  auto* number = numbers.data_ptr<std::int64_t>();
  for (std::int64_t row = 0; row < active.rows(); ++row)
    for (std::int64_t e = starts[row]; e < starts[row + 1]; ++e) {
      const std::int64_t place = next[static_cast<std::size_t>(ids[e])]++;
      rows[place] = row;
      sorted[place] = values[e];
      number[place] = e;
    }
  if (entry_of != nullptr) *entry_of = numbers;
  return found;
}

}  // namespace lensbench::dictionaries

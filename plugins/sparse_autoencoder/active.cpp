#include "active.hpp"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <tuple>

namespace lensbench::dictionaries {

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

void above(const float* values, const float* least, std::int64_t features,
           std::vector<ActiveEntry>& entries) {
  for (std::int64_t f = 0; f < features; ++f)
    if (values[f] > 0 && (least == nullptr || values[f] > least[f]))
      entries.emplace_back(f, values[f]);
}

void largest(const float* values, const float* factors, std::int64_t features, std::int64_t k,
             std::vector<ActiveEntry>& entries) {
  // A heap whose front is the entry that the next larger one replaces: the smallest, and of equal
  // ones the last.
  const auto before = [](const ActiveEntry& a, const ActiveEntry& b) {
    return a.second > b.second || (a.second == b.second && a.first < b.first);
  };
  for (std::int64_t f = 0; f < features; ++f) {
    const float value = factors == nullptr ? values[f] : values[f] * factors[f];
    if (!(value > 0)) continue;
    if (std::ssize(entries) == k) {
      if (value <= entries.front().second) continue;
      std::pop_heap(entries.begin(), entries.end(), before);
      entries.pop_back();
    }
    entries.emplace_back(f, value);
    std::push_heap(entries.begin(), entries.end(), before);
  }
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

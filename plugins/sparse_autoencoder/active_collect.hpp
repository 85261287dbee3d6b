#pragma once

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>

#include <cstdint>
#include <vector>

#include "active.hpp"

namespace lensbench::dictionaries {

template <class Collect>
ActiveFeatures collect_active(std::int64_t rows, const Collect& collect) {
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

}  // namespace lensbench::dictionaries

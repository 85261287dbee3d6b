#pragma once

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "archive/hdf5/stored_dataset.hpp"

namespace lensbench {

/// Number of values that are in memory while a stored variable is written.
inline constexpr std::int64_t kBlock = 1 << 16;

/// Number of elements in one row of axis `index.size()`.
inline std::int64_t row_elements(const StoredVariable& variable,
                                 const std::vector<std::int64_t>& index) {
  std::int64_t elements = 1;
  for (std::size_t axis = index.size() + 1; axis < variable.shape.size(); ++axis)
    elements *= variable.shape[axis];
  return elements;
}

/// Calls `use` with blocks of rows of axis `index.size()` at `index`, in order.
template <class Use>
void for_each_block_of_rows(const StoredVariable& variable, const std::vector<std::int64_t>& index,
                            Use&& use) {
  const std::int64_t length = variable.shape[index.size()];
  const std::int64_t elements = std::max<std::int64_t>(1, row_elements(variable, index));
  const std::int64_t step = std::max<std::int64_t>(1, kBlock / elements);
  for (std::int64_t first = 0; first < length; first += step)
    use(variable.rows(index, first, std::min(step, length - first)), first);
}

/// Calls `use` with blocks of all numbers of a variable, in C order.
template <class Use>
void for_each_block(const StoredVariable& variable, Use&& use,
                    std::vector<std::int64_t> index = {}) {
  if (variable.shape.empty()) {
    use(variable.rows({}, 0, 1));
    return;
  }
  if (row_elements(variable, index) <= kBlock) {
    for_each_block_of_rows(variable, index,
                           [&](const at::Tensor& block, std::int64_t) { use(block); });
    return;
  }
  index.push_back(0);
  for (; index.back() < variable.shape[index.size() - 1]; ++index.back())
    for_each_block(variable, use, index);
}

}  // namespace lensbench

#pragma once

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "archive/hdf5/stored_dataset.hpp"

namespace lensbench::testing {

/// A dataset as if it lay in an archive; notes the most numbers that are read at once.
inline StoredDataset as_stored(const Dataset& dataset, std::int64_t& most_read) {
  StoredDataset stored{{}, dataset.attributes, dataset.receipts};
  for (const Variable& variable : dataset.variables()) {
    StoredVariable lying{variable, variable.shape(), at::kByte, {}};
    lying.facts.tensor = at::Tensor();
    if (!variable.is_text()) {
      lying.type = variable.tensor.scalar_type();
      lying.rows = [values = variable.tensor, &most_read](const std::vector<std::int64_t>& index,
                                                          std::int64_t first, std::int64_t count) {
        at::Tensor part = values;
        for (const std::int64_t i : index) part = part.select(0, i);
        if (part.dim() > 0) part = part.narrow(0, first, count);
        most_read = std::max(most_read, part.numel());
        return part;
      };
    }
    stored.variables.push_back(std::move(lying));
  }
  return stored;
}

}  // namespace lensbench::testing

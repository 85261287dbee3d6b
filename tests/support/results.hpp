#pragma once

#include <ATen/core/Tensor.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <lensbench/dataset.hpp>
#include <stdexcept>
#include <string>
#include <vector>

// Results of tools as tests read them: one number, one receipt, all receipts.

namespace lensbench::testing {

/// One element of a variable, with an index for each of its axes.
inline double value_at(const Dataset& dataset, const std::string& name,
                       const std::vector<std::int64_t>& index = {}) {
  at::Tensor element = dataset[name].tensor;
  for (const std::int64_t i : index) element = element.select(0, i);
  return element.item().toDouble();
}

inline void expect_receipts_hold(const Dataset& dataset, std::size_t fewest = 1) {
  EXPECT_GE(dataset.receipts.size(), fewest);
  for (const Receipt& receipt : dataset.receipts)
    EXPECT_TRUE(receipt.passed) << receipt.name << ": " << receipt.value << " > "
                                << receipt.tolerance;
}

inline const Receipt& receipt_of(const Dataset& dataset, const std::string& name) {
  for (const Receipt& receipt : dataset.receipts)
    if (receipt.name == name) return receipt;
  throw std::runtime_error("there is no receipt " + name);
}

/// Expects that a receipt fails, of a result whose making had the fault that it names.
inline void expect_fails(const Dataset& dataset, const std::string& name) {
  const Receipt& receipt = receipt_of(dataset, name);
  EXPECT_FALSE(receipt.passed) << name << ": " << receipt.value << " <= " << receipt.tolerance;
}

}  // namespace lensbench::testing

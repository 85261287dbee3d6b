#pragma once

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <lensbench/model.hpp>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "composition/analysis.hpp"
#include "composition/composition.hpp"
#include "support/bench.hpp"
#include "support/folders.hpp"
#include "support/tensors.hpp"

namespace lensbench::composition {

using CompositionBench = testing::ToolBench<CompositionTool>;

/// The tool on a committed checkpoint of tests/data.
inline CompositionBench bench_of(const std::string& folder, const ModelOptions& options = {}) {
  return {Model::open(testing::data_folder() + "/" + folder, options), {1, 2}};
}

inline double number(const Dataset& dataset, const std::string& name,
                     const std::vector<std::int64_t>& index) {
  at::Tensor element = dataset[name].tensor;
  for (const std::int64_t i : index) element = element[i];
  return element.item<double>();
}

inline void expect_receipts_passed(const Dataset& dataset) {
  EXPECT_FALSE(dataset.receipts.empty());
  for (const Receipt& receipt : dataset.receipts)
    EXPECT_TRUE(receipt.passed) << receipt.name << ": " << receipt.value << " > "
                                << receipt.tolerance;
}

}  // namespace lensbench::composition

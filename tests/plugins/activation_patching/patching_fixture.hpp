#pragma once

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "activation_patching/activation_patching.hpp"
#include "support/bench.hpp"
#include "support/random_model.hpp"
#include "support/recorded_options.hpp"

namespace lensbench::patching {

/// The tool on a model, with its declared parameters.
struct PatchingBench : testing::ToolBench<ActivationPatchingTool> {
  PatchingBench(const std::shared_ptr<const Model>& given, const std::vector<std::int64_t>& ids)
      : ToolBench(given, ids) {
    tool.attach(context, testing::declared(ActivationPatchingTool::kParameters),
                "tool 'activation_patching'");
  }
  Tokens tokens_of(const std::vector<std::int64_t>& ids) const {
    return tokens_from_ids(*model, ids);
  }
};

inline double value_of(const Dataset& dataset, const std::string& name) {
  return dataset[name].tensor.item<double>();
}

inline void expect_receipts_hold(const Dataset& dataset) {
  EXPECT_FALSE(dataset.receipts.empty());
  for (const Receipt& receipt : dataset.receipts)
    EXPECT_TRUE(receipt.passed) << receipt.name << ": " << receipt.value << " > "
                                << receipt.tolerance;
}

inline const Receipt& receipt_of(const Dataset& dataset, const std::string& name) {
  for (const Receipt& receipt : dataset.receipts)
    if (receipt.name == name) return receipt;
  throw std::runtime_error("no receipt " + name);
}

}  // namespace lensbench::patching

#pragma once

#include <ATen/core/Tensor.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <lensbench/error.hpp>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "layer_surgery/layer_surgery.hpp"
#include "support/bench.hpp"

namespace lensbench::surgery {

using Bench = lensbench::testing::ToolBench<LayerSurgeryTool>;

/// Result of the generic entry with these parameters.
inline Dataset run_with(Bench& bench, const std::map<std::string, std::string>& given) {
  const Parameters parameters =
      Parameters::resolve(LayerSurgeryTool::kParameters, given, "tool 'layer_surgery'");
  bench.tool.check_parameters(parameters);
  return bench.tool.run(Request(bench.tokens, parameters));
}

/// Index of a label on an axis.
inline std::int64_t index_of(const Dataset& dataset, const std::string& label) {
  const std::vector<std::string>& labels = dataset["variant"].strings;
  const auto found = std::find(labels.begin(), labels.end(), label);
  if (found == labels.end()) ADD_FAILURE() << "there is no variant " << label;
  return found == labels.end() ? 0 : found - labels.begin();
}

inline double value_of(const Dataset& dataset, const std::string& variable,
                       const std::string& label) {
  return dataset[variable].tensor[index_of(dataset, label)].item<double>();
}

/// Value of a variable [variant, token].
inline double value_at(const Dataset& dataset, const std::string& variable,
                       const std::string& label, std::int64_t token) {
  return dataset[variable].tensor[index_of(dataset, label)][token].item<double>();
}

inline Receipt receipt_of(const Dataset& dataset, const std::string& name) {
  for (const Receipt& receipt : dataset.receipts)
    if (receipt.name == name) return receipt;
  ADD_FAILURE() << "there is no receipt " << name;
  return {};
}

inline void expect_all_pass(const Dataset& dataset) {
  for (const Receipt& receipt : dataset.receipts)
    EXPECT_TRUE(receipt.passed) << receipt.name << ": " << receipt.value;
}

}  // namespace lensbench::surgery

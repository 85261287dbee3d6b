#pragma once

#include <ATen/core/Tensor.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "path_patching/path_patching.hpp"
#include "support/bench.hpp"
#include "support/recorded_options.hpp"
#include "support/results.hpp"

namespace lensbench::paths {

using testing::receipt_of;

inline const std::vector<std::int64_t> kClean = {3, 17, 5, 5, 11, 2};
inline const std::vector<std::int64_t> kCorrupted = {3, 17, 8, 5, 11, 40};

/// The tool on a model, with its declared parameters.
struct PathBench : testing::ToolBench<PathPatchingTool> {
  PathBench(const std::shared_ptr<const Model>& given, const std::vector<std::int64_t>& ids)
      : ToolBench(given, ids) {
    tool.attach(context, testing::declared(PathPatchingTool::kParameters), "tool 'path_patching'");
  }
  Tokens tokens_of(const std::vector<std::int64_t>& ids) const {
    return tokens_from_ids(*model, ids);
  }
};

inline std::int64_t index_of(const Dataset& dataset, const std::string& axis,
                             const std::string& label) {
  const auto& labels = dataset[axis].strings;
  const auto found = std::find(labels.begin(), labels.end(), label);
  if (found == labels.end()) throw std::runtime_error("no " + axis + " " + label);
  return found - labels.begin();
}

/// Value of one path, all positions at once.
inline double path_of(const Dataset& dataset, const std::string& variable,
                      const std::string& sender, const std::string& receiver) {
  return dataset[variable]
      .tensor[index_of(dataset, "sender", sender)][index_of(dataset, "receiver", receiver)]
      .item<double>();
}

inline double value_of(const Dataset& dataset, const std::string& name) {
  return dataset[name].tensor.item<double>();
}

inline void expect_receipts_hold(const Dataset& dataset) {
  testing::expect_receipts_hold(dataset, 4);
}

}  // namespace lensbench::paths

#pragma once

#include <ATen/core/Tensor.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "activation_patching/activation_patching.hpp"
#include "support/bench.hpp"
#include "support/random_model.hpp"
#include "support/recorded_options.hpp"
#include "support/results.hpp"

namespace lensbench::patching {

using testing::expect_receipts_hold;
using testing::receipt_of;

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

}  // namespace lensbench::patching

#pragma once

#include <ATen/core/Tensor.h>
#include <gtest/gtest.h>

#include <lensbench/model.hpp>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "attention/attention.hpp"
#include "attention/observer.hpp"
#include "support/bench.hpp"
#include "support/folders.hpp"
#include "support/results.hpp"
#include "support/sample_models.hpp"
#include "support/tensors.hpp"

namespace lensbench::attention {

using testing::expect_receipts_hold;
using testing::sample;
using testing::value_at;

using AttentionBench = testing::ToolBench<AttentionTool>;

/// The generic entry of the tool, with parameters as text.
inline Dataset run_with(AttentionBench& bench, const std::map<std::string, std::string>& given) {
  const Parameters parameters =
      Parameters::resolve(AttentionTool::kParameters, given, "tool 'attention'");
  return bench.tool.run(Request(bench.tokens, parameters));
}

inline at::Tensor read(AttentionBench& bench, const std::string& hook) {
  return bench.context.activations(bench.tokens, {hook}).at(hook)[0].to(at::kDouble);
}

inline std::string block_hook(std::int64_t block, const std::string& name) {
  return "blocks." + std::to_string(block) + ".attn." + name;
}

/// Index of a detector on its axis.
inline std::int64_t detector(const Dataset& dataset, const std::string& name) {
  const std::vector<std::string>& labels = dataset["detector"].strings;
  for (std::size_t i = 0; i < labels.size(); ++i)
    if (labels[i] == name) return static_cast<std::int64_t>(i);
  ADD_FAILURE() << "there is no detector " << name;
  return 0;
}

}  // namespace lensbench::attention

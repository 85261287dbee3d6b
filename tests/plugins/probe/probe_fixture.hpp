#pragma once

#include <ATen/core/Tensor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "probe/probe.hpp"
#include "support/bench.hpp"
#include "support/error_matchers.hpp"
#include "support/folders.hpp"
#include "support/recorded_options.hpp"
#include "support/results.hpp"
#include "support/sample_models.hpp"
#include "support/temp_dir.hpp"

namespace lensbench::probing {

using ::testing::HasSubstr;
using testing::message_of;
using testing::sample;

/// The tool on a model, with its declared parameters.
struct ProbeBench : testing::ToolBench<ProbeTool> {
  explicit ProbeBench(const std::shared_ptr<const Model>& given) : ToolBench(given, {0}) {
    tool.attach(context, testing::declared(ProbeTool::kParameters), "tool 'probe'");
  }
  ProbeExample example(const std::vector<std::int64_t>& ids, const std::string& label,
                       const std::string& group = "") const {
    return {.tokens = tokens_from_ids(*model, ids), .label = label, .group = group};
  }
};

inline double mean_of(const Dataset& dataset, const std::string& name,
                      const std::vector<std::int64_t>& index) {
  at::Tensor part = dataset[name].tensor;
  for (const std::int64_t i : index) part = part.select(0, i);
  return part.to(at::kDouble).nanmean().item<double>();
}

}  // namespace lensbench::probing

#pragma once

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bench/run_services.hpp"
#include "jacobian_lens/jacobian_lens.hpp"
#include "support/bench.hpp"
#include "support/error_matchers.hpp"
#include "support/folders.hpp"
#include "support/recorded_options.hpp"
#include "support/results.hpp"
#include "support/sample_models.hpp"
#include "support/temp_dir.hpp"
#include "support/tensors.hpp"

namespace lensbench::jacobian {

using ::testing::HasSubstr;
using testing::largest_difference;
using testing::message_of;
using testing::sample;

/// The tool on a model, with its declared parameters.
struct LensBench : testing::ToolBench<JacobianLensTool> {
  LensBench(const std::shared_ptr<const Model>& given, const std::vector<std::int64_t>& ids)
      : ToolBench(given, ids) {
    tool.attach(context, testing::declared(JacobianLensTool::kParameters), "tool 'jacobian_lens'");
  }
};

/// Documents of ids that a test gives.
inline std::string documents(const std::vector<std::vector<std::int64_t>>& texts) {
  std::string lines;
  for (const auto& ids : texts) {
    lines += "{\"ids\": [";
    for (std::size_t i = 0; i < ids.size(); ++i)
      lines += (i == 0 ? "" : ",") + std::to_string(ids[i]);
    lines += "]}\n";
  }
  return lines;
}

/// A run that the user stops after some prompts, and whose states survive.
class StoppedFit : public RunServices {
 public:
  explicit StoppedFit(std::int64_t prompts) : prompts_(prompts) {}
  void progress(std::int64_t done, std::int64_t) override { done_ = done; }
  bool cancelled() const override { return done_ >= prompts_; }
  void commit(const std::string& key, const Dataset& state) override { states[key] = state; }
  std::optional<Dataset> committed(const std::string& key) const override {
    const auto found = states.find(key);
    return found == states.end() ? std::nullopt : std::optional(found->second);
  }
  std::map<std::string, Dataset> states;

 private:
  std::int64_t prompts_, done_ = 0;
};

}  // namespace lensbench::jacobian

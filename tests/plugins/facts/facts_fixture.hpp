#pragma once

#include <ATen/core/Tensor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <lensbench/error.hpp>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "facts/facts.hpp"
#include "support/contexts.hpp"
#include "support/error_matchers.hpp"
#include "support/recorded_options.hpp"
#include "support/results.hpp"
#include "support/temp_dir.hpp"

namespace lensbench::facts {

using testing::expect_receipts_hold;
using testing::message_of;
using testing::receipt_of;
using testing::value_at;

/// The tool on a model, with its declared parameters.
struct FactsBench {
  explicit FactsBench(std::shared_ptr<const Model> given, std::uint64_t seed = 0)
      : model(std::move(given)), context(testing::context_of(model, seed)) {
    tool.attach(context, testing::declared(FactsTool::kParameters), "tool 'facts'");
  }
  /// Answers as the command does: parameters are checked first.
  Dataset run(const Settings& settings) {
    const Request request(Tokens{}, tool.parameters(settings));
    tool.check_parameters(request.parameters());
    return tool.run(request);
  }

  std::shared_ptr<const Model> model;
  Context context;
  FactsTool tool;
};

inline std::vector<double> values_of(const Dataset& dataset, const std::string& name) {
  const at::Tensor values = dataset[name].tensor.to(at::kDouble).contiguous().flatten();
  return {values.data_ptr<double>(), values.data_ptr<double>() + values.numel()};
}

}  // namespace lensbench::facts

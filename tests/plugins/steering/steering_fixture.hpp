#pragma once

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "steering/steering.hpp"
#include "support/bench.hpp"
#include "support/recorded_options.hpp"
#include "support/results.hpp"

namespace lensbench::steering {

using testing::receipt_of;

// Against float64 where the model runs in float32, for logits of size up to 10.
inline constexpr double kFloat32 = 3e-5;

/// The tool on a model, with its declared parameters.
struct SteeringBench : testing::ToolBench<SteeringTool> {
  SteeringBench(const std::shared_ptr<const Model>& given, const std::vector<std::int64_t>& ids)
      : ToolBench(given, ids) {
    tool.attach(context, testing::declared(SteeringTool::kParameters), "tool 'steering'");
  }
  Tokens tokens_of(const std::vector<std::int64_t>& ids) const {
    return tokens_from_ids(*model, ids);
  }
};

inline void expect_near(const at::Tensor& found, const at::Tensor& expected, double tolerance) {
  ASSERT_EQ(found.sizes(), expected.sizes());
  const double size = std::max(1.0, expected.abs().max().item<double>());
  EXPECT_LE((found.to(at::kDouble) - expected.to(at::kDouble)).abs().max().item<double>(),
            tolerance * size)
      << found << expected;
}

/// Row [alpha] of one layer of a result.
inline at::Tensor row_of(const Dataset& dataset, const std::string& name, std::int64_t layer) {
  const at::Tensor place = dataset["layer"].tensor.eq(layer).nonzero();
  if (place.size(0) == 0) throw std::runtime_error("no layer");
  return dataset[name].tensor[place[0][0].item<std::int64_t>()];
}

inline void expect_receipts_hold(const Dataset& dataset) {
  testing::expect_receipts_hold(dataset, 3);
}

}  // namespace lensbench::steering

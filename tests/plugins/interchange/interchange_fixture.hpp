#pragma once

#include <ATen/TensorOperators.h>
#include <ATen/core/Formatting.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <lensbench/error.hpp>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "interchange/interchange.hpp"
#include "support/bench.hpp"
#include "support/error_matchers.hpp"
#include "support/folders.hpp"
#include "support/prompts.hpp"
#include "support/recorded_options.hpp"
#include "support/results.hpp"
#include "support/temp_dir.hpp"

namespace lensbench::interchange {

using ::testing::HasSubstr;
using testing::message_of;
using testing::prompt_of;
using testing::value_at;

/// The tool on a model, with its declared parameters.
struct InterchangeBench : testing::ToolBench<InterchangeTool> {
  explicit InterchangeBench(const std::shared_ptr<const Model>& given) : ToolBench(given, {0}) {
    tool.attach(context, testing::declared(InterchangeTool::kParameters), "tool 'interchange'");
  }
  InterchangePair pair(const std::vector<std::int64_t>& base,
                       const std::vector<std::int64_t>& source, std::int64_t expected,
                       std::optional<bool> in_test = std::nullopt) const {
    return {.base = tokens_from_ids(*model, base),
            .source = tokens_from_ids(*model, source),
            .expected = expected,
            .in_test = in_test};
  }
};

/// Pairs of prompts of a vocabulary of any size, without shared prompts: `3 x`, and `4 x` or `5 x`
/// for the two answers.
inline std::vector<InterchangePair> small_pairs(const InterchangeBench& bench, std::int64_t count) {
  std::vector<InterchangePair> pairs;
  for (std::int64_t i = 0; i < count; ++i)
    pairs.push_back(bench.pair({3, 7 + i}, {4 + i % 2, 7 + i}, 5 + i % 2));
  return pairs;
}

/// A matrix of float64 from its rows.
inline at::Tensor matrix(const std::vector<std::vector<double>>& rows) {
  std::vector<double> values;
  for (const auto& row : rows) values.insert(values.end(), row.begin(), row.end());
  return at::tensor(values, at::kDouble)
      .reshape({std::ssize(rows), std::ssize(values) / std::ssize(rows)});
}

inline void expect_near(const at::Tensor& found, const at::Tensor& expected,
                        double tolerance = 1e-12) {
  ASSERT_EQ(found.sizes(), expected.sizes());
  EXPECT_LE((found.to(at::kDouble) - expected.to(at::kDouble)).abs().max().item<double>(),
            tolerance)
      << found << expected;
}

/// Numbers from `first` to `last`, both among them.
inline std::vector<std::int64_t> range(std::int64_t first, std::int64_t last) {
  std::vector<std::int64_t> numbers;
  for (std::int64_t i = first; i <= last; ++i) numbers.push_back(i);
  return numbers;
}

}  // namespace lensbench::interchange

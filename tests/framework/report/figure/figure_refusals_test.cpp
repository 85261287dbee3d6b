#include <ATen/core/Tensor.h>
#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <lensbench/error.hpp>
#include <string>
#include <utility>

#include "report/figure/figure.hpp"
#include "sample_figures.hpp"
#include "support/error_matchers.hpp"

namespace lensbench::figure {
namespace {

using lensbench::testing::grid_dataset;
using lensbench::testing::message_of;
using lensbench::testing::refusal;
using lensbench::testing::summary_dataset;
using lensbench::testing::with_tensor;
using ::testing::HasSubstr;

TEST(FigureRefusals, SayWhyAndWhatToDo) {
  const Dataset grid = grid_dataset(3, 3), summary = summary_dataset();
  EXPECT_THAT(refusal(grid, {.variable = "value1"}), HasSubstr("did you mean 'value'"));
  EXPECT_THAT(refusal(grid, {.variable = "input_token"}), HasSubstr("texts"));
  EXPECT_THAT(refusal(grid, {.variable = "position"}), HasSubstr("coordinate"));
  EXPECT_THAT(refusal(grid, {.variable = "top_id"}), HasSubstr("token ids"));
  EXPECT_THAT(refusal(grid, {.variable = "value", .kind = Kind::patches}), HasSubstr("rectangles"));
  EXPECT_THAT(refusal(grid, {.variable = "value", .kind = Kind::points}), HasSubstr("intervals"));
  EXPECT_THAT(refusal(grid, {.variable = "value", .layers = Span{7, 9}}),
              HasSubstr("layer 0 to 2"));
  EXPECT_THAT(refusal(grid, {.variable = "value", .case_number = 4}), HasSubstr("case 4"));
  EXPECT_THAT(refusal(summary, {.variable = "speed", .tokens = {Span{0, 1}}}),
              HasSubstr("--tokens"));
  EXPECT_THAT(refusal(summary, {.variable = "speed", .kind = Kind::heatmap}),
              HasSubstr("two dimensions"));
  EXPECT_THAT(refusal(grid, {.variable = "value", .width_mm = 5}), HasSubstr("--width"));
  EXPECT_THAT(refusal(grid, {.variable = "value", .height_mm = 5}), HasSubstr("--height"));
  EXPECT_THAT(refusal(grid, {.variable = "value", .font = "a\";x"}), HasSubstr("--font"));
  EXPECT_THAT(refusal(grid, {.variable = "value", .range = std::pair(2., 2.)}),
              HasSubstr("--range"));
  EXPECT_THAT(refusal(summary, {.variable = "speed", .palette = "jet"}), HasSubstr("viridis"));
}

TEST(FigureRefusals, OfOptionsNeedNoData) {
  const auto refused = [](const Request& request) {
    return message_of<UsageError>([&] { check_request(request); });
  };
  EXPECT_THAT(refused({.variable = "value", .width_mm = 1}), HasSubstr("--width"));
  EXPECT_THAT(refused({.variable = "value", .height_mm = 5000}), HasSubstr("--height"));
  EXPECT_THAT(refused({.variable = "value", .font = "X\""}), HasSubstr("--font"));
  EXPECT_NO_THROW(check_request({.variable = "value"}));
}

TEST(FigureRefusals, AVariableWithoutAnyValueIsRefused) {
  const at::Tensor missing = at::tensor({std::nan(""), std::nan("")}, at::kDouble).reshape({1, 2});
  EXPECT_THAT(refusal(with_tensor(grid_dataset(1, 2), "value", missing), {.variable = "value"}),
              HasSubstr("NaN"));
}

}  // namespace
}  // namespace lensbench::figure

#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <lensbench/result_spec.hpp>

namespace lensbench {
namespace {

using ::testing::HasSubstr;

const std::vector<ResultInfo> kSchema = {
    ResultInfo({"norm", "layer token", "1", "length", View::heatmap}),
    ResultInfo({"*_entropy", "block token", "nats", "entropy at a point", View::heatmap, false}),
};

Dataset result(std::vector<std::string> dims = {"layer", "token"}, const std::string& units = "1") {
  Dataset dataset;
  dataset.add_coordinate("layer", at::zeros({2}, at::kInt));
  dataset.add("norm", std::move(dims), at::zeros({2, 3}), units, "length");
  return dataset;
}

TEST(ResultSchema, AcceptsWhatItDeclares) {
  EXPECT_EQ(schema_problem(kSchema, result()), "");
  Dataset more = result();
  more.add("attn_out_entropy", {"block", "token"}, at::zeros({1, 3}), "nats", "entropy");
  EXPECT_EQ(schema_problem(kSchema, more), "");
}

TEST(ResultSchema, NamesAVariableThatItDoesNotDeclare) {
  Dataset other = result();
  other.add("speed", {}, at::zeros({}), "1", "speed");
  EXPECT_THAT(
      schema_problem(kSchema, other),
      HasSubstr("variable 'speed' is not in the tool's table of results (norm, *_entropy)"));
}

TEST(ResultSchema, NamesOtherDimensionsAndUnits) {
  EXPECT_THAT(schema_problem(kSchema, result({"layer", "rank"})),
              HasSubstr("has [layer, rank], declared are the dimensions 'layer token'"));
  EXPECT_THAT(schema_problem(kSchema, result({"layer", "token"}, "nats")),
              HasSubstr("has units 'nats', declared are '1'"));
}

TEST(ResultSchema, AcceptsEachAlternativeOfAUnit) {
  const std::vector<ResultInfo> schema = {
      ResultInfo({"norm", "layer token", "nats or 1", "length", View::heatmap})};
  EXPECT_EQ(schema_problem(schema, result()), "");
  EXPECT_EQ(schema_problem(schema, result({"layer", "token"}, "nats")), "");
  EXPECT_THAT(schema_problem(schema, result({"layer", "token"}, "s")),
              HasSubstr("has units 's', declared are 'nats or 1'"));
}

TEST(ResultSchema, NamesAVariableThatIsMissing) {
  EXPECT_THAT(schema_problem(kSchema, Dataset()),
              HasSubstr("variable 'norm' is missing, but declared as always there"));
}

TEST(View, HasOneNameEach) {
  for (const View view :
       {View::general, View::heatmap, View::trajectory, View::bars, View::tokens, View::generation,
        View::attention, View::patching, View::image, View::graph, View::statistics, View::table})
    EXPECT_EQ(view_of(to_string(view)), view);
  EXPECT_EQ(view_of("cloud"), std::nullopt);
}

}  // namespace
}  // namespace lensbench

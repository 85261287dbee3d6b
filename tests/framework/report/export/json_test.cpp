#include "report/export/json.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>
#include <sstream>

#include "support/stored.hpp"

namespace lensbench {
namespace {

using nlohmann::json;

Dataset small_dataset() {
  Dataset dataset;
  dataset.add_coordinate("layer", at::tensor({0, 1}, at::kInt), "blocks before it");
  dataset.add("probability", {"layer", "rank"},
              at::tensor({0.5, 0.25, std::numeric_limits<double>::quiet_NaN(),
                          std::numeric_limits<double>::infinity()},
                         at::kDouble)
                  .reshape({2, 2}),
              "1", "of the two best");
  return dataset;
}

json written(const Dataset& dataset) {
  std::int64_t most_read = 0;
  std::ostringstream text;
  write_json(text, testing::as_stored(dataset, most_read));
  EXPECT_LE(most_read, 1 << 16);
  return json::parse(text.str());
}

TEST(WriteJson, NestsDataInTheOrderOfTheDimensions) {
  const json out = written(small_dataset());
  EXPECT_EQ(out["dims"], json({{"layer", 2}, {"rank", 2}}));
  EXPECT_EQ(out["variables"]["probability"]["dims"], json({"layer", "rank"}));
  EXPECT_EQ(out["variables"]["probability"]["data"][0], json({0.5, 0.25}));
  EXPECT_EQ(out["variables"]["probability"]["long_name"], "of the two best");
}

TEST(WriteJson, WritesNullForWhatJsonCannotHold) {
  const json out = written(small_dataset());
  EXPECT_EQ(out["variables"]["probability"]["data"][1], json({nullptr, nullptr}));
}

TEST(WriteJson, KeepsCoordinatesApart) {
  const json out = written(small_dataset());
  EXPECT_EQ(out["coordinates"]["layer"]["data"], json({0, 1}));
  EXPECT_FALSE(out["variables"].contains("layer"));
}

TEST(WriteJson, KeepsBooleansTextsIdsAndScalars) {
  Dataset dataset;
  dataset.add("top_id", {"rank"}, at::tensor({7, 3}, at::kInt), "1", "", Holds::token_ids);
  dataset.add("generated", {"rank"}, at::tensor({1, 0}, at::kInt).to(at::kBool), "1", "");
  dataset.add_coordinate("rank", std::vector<std::string>{"first", "second"});
  dataset.add("share", {}, at::tensor(0.5, at::kDouble).squeeze(), "1", "");

  const json out = written(dataset);
  EXPECT_EQ(out["variables"]["top_id"]["holds"], "token_ids");
  EXPECT_EQ(out["variables"]["generated"]["data"], json({true, false}));
  EXPECT_EQ(out["coordinates"]["rank"]["data"], json({"first", "second"}));
  EXPECT_EQ(out["variables"]["share"]["data"], 0.5);
}

TEST(WriteJson, KeepsAttributesAndReceipts) {
  Dataset dataset;
  dataset.attributes["position"] = std::int64_t{3};
  dataset.receipts.push_back(make_receipt("sum", 0.5, 0.25, "why"));
  const json out = written(dataset);
  EXPECT_EQ(out["attributes"]["position"], 3);
  EXPECT_EQ(out["receipts"][0], json({{"name", "sum"},
                                      {"value", 0.5},
                                      {"tolerance", 0.25},
                                      {"passed", false},
                                      {"note", "why"}}));
}

TEST(WriteJson, JoinsTheBlocksItReads) {
  Dataset dataset;
  dataset.add("many_rows", {"token", "one"}, at::arange(200001, at::kFloat).div(8).unsqueeze(1),
              "1", "");
  dataset.add("long_rows", {"layer", "token"}, at::arange(400002, at::kInt).view({2, 200001}), "1",
              "");
  dataset.add("none", {"nothing", "one"}, at::empty({0, 1}), "1", "");
  dataset.add("texts", "layer", {"a \"b\"", "ü"}, "");
  const json out = written(dataset);
  const json& many = out["variables"]["many_rows"]["data"];
  const json& rows = out["variables"]["long_rows"]["data"];
  ASSERT_EQ(many.size(), 200001u);
  ASSERT_EQ(rows.size(), 2u);
  ASSERT_EQ(rows[1].size(), 200001u);
  for (std::size_t i = 0; i < 200001; ++i) {
    ASSERT_EQ(many[i], json({static_cast<double>(i) / 8}));
    ASSERT_EQ(rows[0][i], i);
    ASSERT_EQ(rows[1][i], 200001 + i);
  }
  EXPECT_EQ(out["variables"]["none"]["data"], json::array());
  EXPECT_EQ(out["variables"]["texts"]["data"], json({"a \"b\"", "ü"}));
}

TEST(WriteJson, WritesMembersByNameWithoutSpaces) {
  Dataset dataset;
  dataset.add("truth", {"layer"}, at::tensor({1, 0}, at::kInt).to(at::kBool), "1", "");
  dataset.attributes["note"] = std::string("x");
  std::int64_t most_read = 0;
  std::ostringstream text;
  write_json(text, testing::as_stored(dataset, most_read));
  EXPECT_EQ(text.str(),
            R"({"attributes":{"note":"x"},"coordinates":{},"dims":{"layer":2},"receipts":[],)"
            R"("variables":{"truth":{"data":[true,false],"dims":["layer"],"long_name":"",)"
            R"("units":"1"}}})");
}

}  // namespace
}  // namespace lensbench

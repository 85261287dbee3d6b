#include "report/export/json.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <limits>
#include <sstream>

#include "support/stored.hpp"

namespace lensbench {
namespace {

using nlohmann::json;

Dataset small_dataset() {
  Dataset dataset;
  dataset.add_coordinate("layer", at::tensor({0, 1}, at::kInt), "blocks before it");
  Variable probability;
  probability.name = "probability";
  probability.dims = {"layer", "rank"};
  probability.tensor = at::tensor({0.5, 0.25, std::numeric_limits<double>::quiet_NaN(),
                                   std::numeric_limits<double>::infinity()},
                                  at::kDouble)
                           .reshape({2, 2});
  probability.units = "1";
  probability.long_name = "of the two best";
  dataset.add(probability);
  return dataset;
}

TEST(DatasetToJson, NestsDataInTheOrderOfTheDimensions) {
  const json out = dataset_to_json(small_dataset());
  EXPECT_EQ(out["dims"], json({{"layer", 2}, {"rank", 2}}));
  EXPECT_EQ(out["variables"]["probability"]["dims"], json({"layer", "rank"}));
  EXPECT_EQ(out["variables"]["probability"]["data"][0], json({0.5, 0.25}));
  EXPECT_EQ(out["variables"]["probability"]["long_name"], "of the two best");
}

TEST(DatasetToJson, WritesNullForWhatJsonCannotHold) {
  const json out = dataset_to_json(small_dataset());
  EXPECT_EQ(out["variables"]["probability"]["data"][1], json({nullptr, nullptr}));
}

TEST(DatasetToJson, KeepsCoordinatesApart) {
  const json out = dataset_to_json(small_dataset());
  EXPECT_EQ(out["coordinates"]["layer"]["data"], json({0, 1}));
  EXPECT_FALSE(out["variables"].contains("layer"));
}

TEST(DatasetToJson, KeepsBooleansTextsIdsAndScalars) {
  Dataset dataset;
  Variable ids;
  ids.name = "top_id";
  ids.dims = {"rank"};
  ids.tensor = at::tensor({7, 3}, at::kInt);
  ids.holds = Holds::token_ids;
  dataset.add(ids);
  Variable generated;
  generated.name = "generated";
  generated.dims = {"rank"};
  generated.tensor = at::tensor({1, 0}, at::kInt).to(at::kBool);
  dataset.add(generated);
  dataset.add_coordinate("rank", std::vector<std::string>{"first", "second"});
  Variable share;
  share.name = "share";
  share.tensor = at::tensor({0.5}, at::kDouble).reshape({});
  dataset.add(share);

  const json out = dataset_to_json(dataset);
  EXPECT_EQ(out["variables"]["top_id"]["holds"], "token_ids");
  EXPECT_EQ(out["variables"]["generated"]["data"], json({true, false}));
  EXPECT_EQ(out["coordinates"]["rank"]["data"], json({"first", "second"}));
  EXPECT_EQ(out["variables"]["share"]["data"], 0.5);
}

TEST(DatasetToJson, KeepsAttributesAndReceipts) {
  Dataset dataset;
  dataset.attributes["position"] = std::int64_t{3};
  dataset.receipts.push_back(make_receipt("sum", 0.5, 0.25, "why"));
  const json out = dataset_to_json(dataset);
  EXPECT_EQ(out["attributes"]["position"], 3);
  EXPECT_EQ(out["receipts"][0], json({{"name", "sum"},
                                      {"value", 0.5},
                                      {"tolerance", 0.25},
                                      {"passed", false},
                                      {"note", "why"}}));
}

TEST(WriteJson, GivesTheTextOfTheWholeFromBlocksOfIt) {
  Dataset dataset = small_dataset();
  const auto add = [&](const char* name, std::vector<std::string> dims, at::Tensor tensor) {
    Variable variable;
    variable.name = name;
    variable.dims = std::move(dims);
    variable.tensor = std::move(tensor);
    dataset.add(std::move(variable));
  };
  add("many_rows", {"token", "one"}, at::arange(200001, at::kFloat).div(7).unsqueeze(1));
  add("long_rows", {"layer", "token"}, at::arange(400002, at::kInt).view({2, 200001}));
  add("none", {"nothing", "one"}, at::empty({0, 1}));
  add("scalar", {}, at::tensor(2.5).squeeze());
  add("truth", {"layer"}, at::tensor({1, 0}, at::kInt).to(at::kBool));
  Variable texts;
  texts.name = "texts";
  texts.dims = {"layer"};
  texts.strings = {"a \"b\"", "ü"};
  dataset.add(texts);
  dataset.attributes["note"] = std::string("x");
  dataset.receipts.push_back({"sums", 1e-7, 1e-5, true, ""});
  std::int64_t most_read = 0;
  std::ostringstream text;
  write_json(text, testing::as_stored(dataset, most_read));
  EXPECT_EQ(text.str(), dataset_to_json(dataset).dump());
  EXPECT_LE(most_read, 1 << 16);
}

}  // namespace
}  // namespace lensbench

#include "core/dataset/join_cases.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <lensbench/dataset.hpp>
#include <lensbench/error.hpp>

#include "support/variables.hpp"

namespace lensbench {
namespace {

using testing::numbers;

/// A prompt of `ids.size()` tokens with an entropy a layer and token, on 3 layers.
Dataset lens(const std::vector<std::int64_t>& ids, float entropy) {
  Dataset dataset;
  add_token_axis(dataset, ids, std::vector<std::string>(ids.size(), "t"));
  add_layer_axis(dataset, 2);
  const auto n = static_cast<std::int64_t>(ids.size());
  dataset.add(numbers("entropy", {"layer", "token"}, at::full({3, n}, entropy)));
  return dataset;
}

at::Tensor ints(const std::vector<int>& values) {
  return at::tensor(values, at::kInt);
}

TEST(JoinCases, PutsTokensOfAllCasesOnOneAxis) {
  const Dataset joined =
      join_cases({lens({1, 2}, 0.5f), lens({3, 4, 5}, 1.5f)}, {0, 4}, {"a", "b"});
  EXPECT_TRUE(joined["token"].tensor.equal(ints({0, 1, 2, 3, 4})));
  EXPECT_TRUE(joined["case"].tensor.equal(ints({0, 0, 4, 4, 4})));
  EXPECT_TRUE(joined["position"].tensor.equal(ints({0, 1, 0, 1, 2})));
  EXPECT_TRUE(joined["input_id"].tensor.equal(ints({1, 2, 3, 4, 5})));
  EXPECT_EQ(joined["input_id"].holds, Holds::token_ids);
  EXPECT_EQ(joined["input_token"].strings.size(), 5u);
  EXPECT_TRUE(joined["entropy"].tensor.equal(
      at::tensor({0.5, 0.5, 1.5, 1.5, 1.5}, at::kFloat).expand({3, 5})));
}

TEST(JoinCases, KeepsACoordinateThatIsTheSameInAllCases) {
  const Dataset joined = join_cases({lens({1}, 0), lens({2}, 0)}, {0, 1}, {"a", "b"});
  EXPECT_TRUE(joined["layer"].tensor.equal(ints({0, 1, 2})));
  EXPECT_EQ(joined["layer_label"].strings[0], "embed");
  EXPECT_FALSE(joined.contains("case_id"));
}

TEST(JoinCases, OfOneCaseHasTheSameForm) {
  const Dataset joined = join_cases({lens({7, 8}, 1)}, {3}, {"only"});
  EXPECT_TRUE(joined["case"].tensor.equal(ints({3, 3})));
  EXPECT_TRUE(joined["token"].tensor.equal(ints({0, 1})));
}

TEST(JoinCases, GivesAVariableWithoutTokensACaseAxis) {
  Dataset a, b;
  a.add(numbers("correlation", {"layer"}, at::full({2}, 0.25)));
  b.add(numbers("correlation", {"layer"}, at::full({2}, 0.75)));
  const Dataset joined = join_cases({a, b}, {2, 5}, {"x", "y"});
  EXPECT_EQ(joined["correlation"].dims, (std::vector<std::string>{"case", "layer"}));
  EXPECT_EQ(joined["correlation"].tensor[1][0].item<double>(), 0.75);
  EXPECT_TRUE(joined["case"].tensor.equal(ints({2, 5})));
  EXPECT_EQ(joined["case_id"].strings, (std::vector<std::string>{"x", "y"}));
}

/// Three values for each of `n` tokens of pictures, and one for the prompt.
Dataset map(std::int64_t n, float value) {
  Dataset dataset;
  dataset.add_coordinate("image_token", at::arange(n, at::kInt),
                         "row of the axis of picture tokens");
  Variable number = numbers("case", {"image_token"}, at::zeros({n}, at::kInt));
  number.coordinate = true;
  dataset.add(number);
  dataset.add(numbers("entropy", {"layer", "image_token"}, at::full({3, n}, value)));
  dataset.add(numbers("onset", {}, at::scalar_tensor(value)));
  return dataset;
}

TEST(JoinCases, PutsTokensOfPicturesOfAllCasesOnOneAxis) {
  const Dataset joined = join_cases({map(2, 0.5f), map(3, 1.5f)}, {0, 4}, {"a", "b"});
  EXPECT_TRUE(joined["image_token"].tensor.equal(ints({0, 1, 2, 3, 4})));
  EXPECT_TRUE(joined["case"].tensor.equal(ints({0, 0, 4, 4, 4})));
  EXPECT_EQ(joined["case"].dims, std::vector<std::string>{"image_token"});
  EXPECT_TRUE(joined["entropy"].tensor.equal(
      at::tensor({0.5, 0.5, 1.5, 1.5, 1.5}, at::kFloat).expand({3, 5})));
  EXPECT_EQ(joined["onset"].dims, std::vector<std::string>{"case_number"});
}

// `case(token)` has the name, and a netCDF dimension shares its name only with its own coordinate.
TEST(JoinCases, CallsTheCaseAxisCaseNumberBesideTokens) {
  Dataset a = lens({1, 2}, 0), b = lens({3}, 0);
  a.add(numbers("perplexity", {}, at::scalar_tensor(3.0)));
  b.add(numbers("perplexity", {}, at::scalar_tensor(4.0)));
  const Dataset joined = join_cases({a, b}, {0, 2}, {"x", "y"});
  EXPECT_EQ(joined["perplexity"].dims, std::vector<std::string>{"case_number"});
  EXPECT_TRUE(joined["case_number"].tensor.equal(ints({0, 2})));
  EXPECT_EQ(joined["case_id"].dims, std::vector<std::string>{"case_number"});
  EXPECT_EQ(joined["case"].dims, std::vector<std::string>{"token"});
}

TEST(JoinCases, ConcatenatesVariablesThatHaveACaseAxisAlready) {
  Dataset a, b;
  a.add(numbers("score", {"case"}, at::ones({1})));
  b.add(numbers("score", {"case"}, at::ones({2})));
  const Dataset joined = join_cases({a, b}, {0, 1}, {"x", "y"});
  EXPECT_EQ(joined["score"].shape(), std::vector<std::int64_t>{3});
  EXPECT_TRUE(joined["case"].tensor.equal(ints({0, 1, 1})));
}

TEST(JoinCases, KeepsQuadraticResultsApartByCase) {
  Dataset a = lens({1, 2}, 0), b = lens({3, 4, 5}, 0);
  a.add(numbers("pattern", {"head", "query_position", "key_position"}, at::ones({4, 2, 2})));
  b.add(numbers("pattern", {"head", "query_position", "key_position"}, at::ones({4, 3, 3})));
  const Dataset joined = join_cases({a, b}, {0, 1}, {"x", "y"});
  EXPECT_EQ(joined["pattern_case1"].dims,
            (std::vector<std::string>{"head", "query_position_case1", "key_position_case1"}));
  EXPECT_EQ(joined["pattern_case0"].shape(), (std::vector<std::int64_t>{4, 2, 2}));
  EXPECT_FALSE(joined.contains("pattern"));
}

TEST(JoinCases, KeepsAnAxisApartWhenItsLabelsDiffer) {
  Dataset a, b;
  a.add_coordinate("neuron", ints({4, 9}));
  a.add(numbers("contribution", {"neuron"}, at::ones({2})));
  b.add_coordinate("neuron", ints({4, 7}));
  b.add(numbers("contribution", {"neuron"}, at::ones({2})));
  const Dataset joined = join_cases({a, b}, {0, 1}, {"x", "y"});
  EXPECT_TRUE(joined["neuron_case1"].tensor.equal(ints({4, 7})));
  EXPECT_EQ(joined["contribution_case1"].dims, std::vector<std::string>{"neuron_case1"});
}

TEST(JoinCases, TurnsAnAttributeThatDiffersIntoAVariable) {
  Dataset a = lens({1}, 0), b = lens({2}, 0);
  a.attributes = {{"norm", "true"}, {"target", " Paris"}, {"steps", std::int64_t{3}}};
  b.attributes = {{"norm", "true"}, {"target", " Rome"}, {"steps", std::int64_t{4}}};
  const Dataset joined = join_cases({a, b}, {0, 1}, {"x", "y"});
  EXPECT_EQ(std::get<std::string>(joined.attributes.at("norm")), "true");
  EXPECT_EQ(joined["target"].strings, (std::vector<std::string>{" Paris", " Rome"}));
  EXPECT_EQ(joined["steps"].tensor[1].item<double>(), 4.0);
  EXPECT_EQ(joined.attributes.count("target"), 0u);
}

TEST(JoinCases, KeepsTheWorstReceiptOfEachName) {
  Dataset a = lens({1}, 0), b = lens({2}, 0);
  a.receipts = {make_receipt("sum", 1e-7, 1e-5), make_receipt("pattern", 0, 0)};
  b.receipts = {make_receipt("sum", 1e-3, 1e-5)};
  const Dataset joined = join_cases({a, b}, {0, 1}, {"x", "y"});
  ASSERT_EQ(joined.receipts.size(), 2u);
  EXPECT_EQ(joined.receipts[0].value, 1e-3);
  EXPECT_FALSE(joined.receipts[0].passed);
}

TEST(JoinCases, RejectsPartsWithOtherVariables) {
  Dataset less;
  add_token_axis(less, {1}, {"t"});
  EXPECT_THROW(join_cases({lens({1}, 0), less}, {0, 1}, {"a", "b"}), UsageError);
  EXPECT_THROW(join_cases({less, lens({1}, 0)}, {0, 1}, {"a", "b"}), UsageError);
}

TEST(JoinCases, RejectsPartsWithOtherTypesOrUnits) {
  Dataset wide, unit;
  for (Dataset* dataset : {&wide, &unit}) {
    add_token_axis(*dataset, {1}, {"t"});
    add_layer_axis(*dataset, 2);
  }
  wide.add(numbers("entropy", {"layer", "token"}, at::zeros({3, 1}, at::kDouble)));
  unit.add(numbers("entropy", {"layer", "token"}, at::zeros({3, 1}), "nats"));
  EXPECT_THROW(join_cases({lens({1}, 0), wide}, {0, 1}, {"a", "b"}), UsageError);
  EXPECT_THROW(join_cases({lens({1}, 0), unit}, {0, 1}, {"a", "b"}), UsageError);
}

TEST(JoinCases, NeedsANumberAndAnIdForEachPart) {
  EXPECT_THROW(join_cases({}, {}, {}), UsageError);
  EXPECT_THROW(join_cases({lens({1}, 0)}, {0, 1}, {"a"}), UsageError);
}

}  // namespace
}  // namespace lensbench

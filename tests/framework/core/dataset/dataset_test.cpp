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
#include <limits>

#include "support/variables.hpp"

namespace lensbench {
namespace {

using testing::numbers;
using testing::texts;

TEST(Dataset, KeepsVariablesAndDimensionsInOrder) {
  Dataset dataset;
  dataset.add(numbers("b", {"y", "x"}, at::zeros({2, 3})));
  dataset.add(numbers("a", {"x"}, at::zeros({3})));
  EXPECT_EQ(dataset.variables()[0].name, "b");
  EXPECT_EQ(dataset.dims(),
            (std::vector<std::pair<std::string, std::int64_t>>{{"y", 2}, {"x", 3}}));
  EXPECT_EQ(dataset.dim("x"), 3);
  EXPECT_TRUE(dataset.contains("a"));
  EXPECT_FALSE(dataset.contains("c"));
}

TEST(Dataset, AddsNumbersAndTextsInOneLine) {
  Dataset dataset;
  dataset.add("top_id", {"rank"}, at::tensor({7, 3}, at::kInt), "1", "best tokens",
              Holds::token_ids);
  dataset.add("seconds", {}, at::tensor(2.5).squeeze(), "s", "wall time");
  dataset.add("label", "rank", {"first", "second"}, "place");
  const Variable& ids = dataset["top_id"];
  EXPECT_EQ(ids.dims, std::vector<std::string>{"rank"});
  EXPECT_EQ(ids.long_name, "best tokens");
  EXPECT_EQ(ids.holds, Holds::token_ids);
  EXPECT_FALSE(ids.coordinate);
  EXPECT_EQ(dataset["seconds"].units, "s");
  EXPECT_EQ(dataset["label"].strings, (std::vector<std::string>{"first", "second"}));
  EXPECT_EQ(dataset["label"].long_name, "place");
}

TEST(Dataset, NamesWhatItHasWhenAskedForSomethingElse) {
  Dataset dataset;
  dataset.add(numbers("entropy", {"token"}, at::zeros({3})));
  try {
    dataset["entropi"];
    FAIL();
  } catch (const UsageError& error) {
    EXPECT_NE(std::string(error.what()).find("'entropy'"), std::string::npos);
  }
  EXPECT_THROW(dataset.dim("layer"), UsageError);
}

TEST(Dataset, RejectsANameThatNetcdfCannotHold) {
  for (const std::string name : {"", "1st", "a b", "a/b", "a-b", "_a", "gr\xC3\xB6\xC3\x9F"})
    EXPECT_THROW(Dataset().add(numbers(name, {"x"}, at::zeros({3}))), UsageError) << name;
}

TEST(Dataset, RejectsANameThatDiffersOnlyInCase) {
  Dataset dataset;
  dataset.add(numbers("entropy", {"x"}, at::zeros({3})));
  EXPECT_THROW(dataset.add(numbers("Entropy", {"x"}, at::zeros({3}))), UsageError);
}

// xarray takes the diagonal in silence when a dimension occurs twice.
TEST(Dataset, RejectsADimensionThatOccursTwice) {
  EXPECT_THROW(Dataset().add(numbers("pattern", {"pos", "pos"}, at::zeros({3, 3}))), UsageError);
}

TEST(Dataset, RejectsADimensionOfAnotherLength) {
  Dataset dataset;
  dataset.add(numbers("a", {"x"}, at::zeros({3})));
  EXPECT_THROW(dataset.add(numbers("b", {"x"}, at::zeros({4}))), UsageError);
  EXPECT_EQ(dataset.variables().size(), 1u);
}

TEST(Dataset, RejectsATensorWithOtherThanTheNamedAxes) {
  EXPECT_THROW(Dataset().add(numbers("a", {"x"}, at::zeros({3, 4}))), UsageError);
}

// A reader would take such a variable for the coordinate of the dimension.
TEST(Dataset, RejectsAVariableNamedLikeADimensionItDoesNotLabel) {
  Dataset dataset;
  dataset.add(numbers("a", {"layer"}, at::zeros({3})));
  EXPECT_THROW(dataset.add(numbers("layer", {"x"}, at::zeros({2}))), UsageError);
  Dataset reversed;
  reversed.add(numbers("layer", {"x"}, at::zeros({2})));
  EXPECT_THROW(reversed.add(numbers("a", {"layer"}, at::zeros({3}))), UsageError);
  EXPECT_THROW(Dataset().add(numbers("layer", {"layer", "x"}, at::zeros({2, 2}))), UsageError);
}

TEST(Dataset, RejectsElementTypesNoArchiveStores) {
  EXPECT_THROW(Dataset().add(numbers("a", {"x"}, at::zeros({3}, at::kComplexFloat))), UsageError);
  EXPECT_THROW(Dataset().add(numbers("a", {"x"}, at::zeros({3}, at::kShort))), UsageError);
}

TEST(Dataset, WidensHalfTypesAndSaysWhatTheyWere) {
  Dataset dataset;
  dataset.add(numbers("a", {"x"}, at::full({2}, 1.5, at::kBFloat16)));
  dataset.add(numbers("b", {"x"}, at::full({2}, 0.25, at::kHalf)));
  EXPECT_EQ(dataset["a"].tensor.scalar_type(), at::kFloat);
  EXPECT_EQ(dataset["a"].tensor[0].item<float>(), 1.5f);
  EXPECT_EQ(std::get<std::string>(dataset["a"].attributes.at("source_dtype")), "bfloat16");
  EXPECT_EQ(std::get<std::string>(dataset["b"].attributes.at("source_dtype")), "float16");
}

TEST(Dataset, StoresAViewInItsOwnOrder) {
  Dataset dataset;
  dataset.add(numbers("a", {"x", "y"}, at::arange(6).reshape({2, 3}).t()));
  EXPECT_TRUE(dataset["a"].tensor.is_contiguous());
  EXPECT_EQ(dataset["a"].tensor[0][1].item<std::int64_t>(), 3);
}

TEST(Dataset, DropsAutograd) {
  Dataset dataset;
  dataset.add(numbers("a", {"x"}, at::ones({2}).set_requires_grad(true) * 2));
  EXPECT_FALSE(dataset["a"].tensor.requires_grad());
}

TEST(Dataset, RejectsTextThatIsNotUtf8OrHoldsNul) {
  EXPECT_THROW(Dataset().add(texts("a", "x", {"\xFF"})), UsageError);
  EXPECT_THROW(Dataset().add(texts("a", "x", {std::string("a\0b", 3)})), UsageError);
}

TEST(Dataset, RejectsTextOnOtherThanOneDimension) {
  Variable variable = texts("a", "x", {"one", "two"});
  variable.dims = {"x", "y"};
  EXPECT_THROW(Dataset().add(variable), UsageError);
  variable.dims = {};
  EXPECT_THROW(Dataset().add(variable), UsageError);
}

TEST(Dataset, TakesAScalar) {
  Dataset dataset;
  dataset.add(numbers("loss", {}, at::scalar_tensor(2.5)));
  EXPECT_TRUE(dataset["loss"].shape().empty());
  EXPECT_TRUE(dataset.dims().empty());
}

TEST(Receipt, PassesUpToItsToleranceAndFailsOnNan) {
  EXPECT_TRUE(make_receipt("r", 1e-6, 1e-6).passed);
  EXPECT_FALSE(make_receipt("r", 2e-6, 1e-6).passed);
  EXPECT_FALSE(make_receipt("r", std::numeric_limits<double>::quiet_NaN(), 1.0).passed);
}

TEST(Receipt, IsWorseWhenFailedOrNanOrFurtherAboveItsTolerance) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_TRUE(is_worse(make_receipt("r", 2, 1), make_receipt("r", 1, 1)));
  EXPECT_TRUE(is_worse(make_receipt("r", nan, 1), make_receipt("r", 5, 1)));
  EXPECT_TRUE(is_worse(make_receipt("r", 0.5, 1), make_receipt("r", 0.25, 1)));
  EXPECT_FALSE(is_worse(make_receipt("r", 0.5, 1), make_receipt("r", 0.5, 1)));
}

TEST(TokenAxis, HasTheFiveCoordinatesOfTheContract) {
  Dataset dataset;
  add_token_axis(dataset, {5, 9},
                 {"The",
                  "\xC4\xA0"
                  "end"},
                 3);
  EXPECT_TRUE(dataset["token"].tensor.equal(at::tensor({0, 1}, at::kInt)));
  EXPECT_TRUE(dataset["case"].tensor.equal(at::zeros({2}, at::kInt)));
  EXPECT_TRUE(dataset["position"].tensor.equal(at::tensor({3, 4}, at::kInt)));
  EXPECT_TRUE(dataset["input_id"].tensor.equal(at::tensor({5, 9}, at::kInt)));
  EXPECT_EQ(dataset["input_id"].holds, Holds::token_ids);
  EXPECT_EQ(dataset["input_token"].strings[1],
            "\xC4\xA0"
            "end");
  for (const Variable& variable : dataset.variables()) {
    EXPECT_TRUE(variable.coordinate) << variable.name;
    EXPECT_EQ(variable.dims, std::vector<std::string>{"token"}) << variable.name;
  }
}

TEST(TokenAxis, RejectsIdsWithoutTextsAndIdsOutOfRange) {
  Dataset dataset;
  EXPECT_THROW(add_token_axis(dataset, {1, 2}, {"one"}), UsageError);
  EXPECT_THROW(add_token_axis(dataset, {std::int64_t{1} << 31}, {"x"}), UsageError);
}

TEST(LayerAxis, CountsTheEmbeddingAsLayerZero) {
  Dataset dataset;
  add_layer_axis(dataset, 2);
  EXPECT_TRUE(dataset["layer"].tensor.equal(at::tensor({0, 1, 2}, at::kInt)));
  EXPECT_EQ(dataset["layer_label"].strings,
            (std::vector<std::string>{"embed", "0_resid_post", "1_resid_post"}));
}

}  // namespace
}  // namespace lensbench

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/full.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <cstring>
#include <lensbench/error.hpp>
#include <limits>

#include "archive/run/run_writer.hpp"
#include "support/temp_dir.hpp"
#include "support/variables.hpp"

namespace lensbench {
namespace {

using testing::numbers;
using testing::TempDir;
using testing::texts;

/// The dataset as a run's unit gives it back.
Dataset through_a_file(const Dataset& dataset) {
  const TempDir folder;
  RunPlan plan;
  plan.request = nlohmann::json::object();
  plan.cases = {{"0", "", 0, ""}};
  RunWriter writer = RunWriter::start(folder / "x.h5", plan, false);
  writer.commit(0, {{"data", dataset}}, {});
  return writer.read(0, "data");
}

void expect_equal(const Dataset& a, const Dataset& b) {
  ASSERT_EQ(a.variables().size(), b.variables().size());
  EXPECT_EQ(a.dims(), b.dims());
  EXPECT_EQ(a.attributes, b.attributes);
  for (std::size_t i = 0; i < a.variables().size(); ++i) {
    const Variable &x = a.variables()[i], &y = b.variables()[i];
    SCOPED_TRACE(x.name);
    EXPECT_EQ(x.name, y.name);
    EXPECT_EQ(x.dims, y.dims);
    EXPECT_EQ(x.units, y.units);
    EXPECT_EQ(x.long_name, y.long_name);
    EXPECT_EQ(x.coordinate, y.coordinate);
    EXPECT_EQ(x.holds, y.holds);
    EXPECT_EQ(x.attributes, y.attributes);
    EXPECT_EQ(x.strings, y.strings);
    ASSERT_EQ(x.is_text(), y.is_text());
    if (x.is_text()) continue;
    ASSERT_EQ(x.tensor.scalar_type(), y.tensor.scalar_type());
    ASSERT_EQ(x.tensor.sizes(), y.tensor.sizes());
    if (x.tensor.numel() == 0) continue;  // no memory to compare
    EXPECT_EQ(std::memcmp(x.tensor.data_ptr(), y.tensor.data_ptr(), x.tensor.nbytes()), 0);
  }
}

void expect_round_trip(const Dataset& dataset) {
  expect_equal(dataset, through_a_file(dataset));
}

TEST(DatasetFile, KeepsEveryElementTypeToTheBit) {
  Dataset dataset;
  const double nan = std::numeric_limits<double>::quiet_NaN();
  dataset.add(numbers("f32", {"x"}, at::tensor({-0.0f, 1e-45f, INFINITY}, at::kFloat)));
  dataset.add(numbers("f64", {"x"}, at::tensor({nan, -0.0, 1e308}, at::kDouble)));
  dataset.add(numbers("i8", {"x"}, at::tensor({-128, 0, 127}, at::kChar)));
  dataset.add(numbers("u8", {"x"}, at::tensor({0, 128, 255}, at::kByte)));
  dataset.add(numbers("i32", {"x"}, at::tensor({INT32_MIN, 0, INT32_MAX}, at::kInt)));
  dataset.add(
      numbers("i64", {"x"}, at::tensor({INT64_MIN, std::int64_t{0}, INT64_MAX}, at::kLong)));
  dataset.add(numbers("flag", {"x"}, at::tensor({1, 0, 1}, at::kInt).to(at::kBool)));
  dataset.add(numbers("half", {"x"}, at::full({3}, 0.1, at::kBFloat16)));
  expect_round_trip(dataset);
}

TEST(DatasetFile, KeepsTextsOfAllKinds) {
  Dataset dataset;
  dataset.add(texts("token", "token", {"", " ", "\xC4\xA0the", "\xF0\x9F\x98\x80\n\t"}));
  expect_round_trip(dataset);
}

TEST(DatasetFile, KeepsCoordinatesLabelsAndAttributes) {
  Dataset dataset;
  add_token_axis(dataset, {1, 2, 3}, {"a", "b", "c"});
  add_layer_axis(dataset, 2);
  Variable entropy = numbers("entropy", {"layer", "token"}, at::rand({3, 3}), "nats");
  entropy.long_name = "entropy of the prediction";
  entropy.attributes = {{"norm", std::int64_t{1}},
                        {"scale", 0.1},
                        {"point", "resid_post"},
                        {"points", std::vector<std::string>{"a", "", "\xC3\xA9"}}};
  dataset.add(entropy);
  dataset.attributes = {{"lens", "raw"}, {"none", std::vector<std::string>{}}};
  expect_round_trip(dataset);
}

TEST(DatasetFile, KeepsScalarsAndEmptyAxes) {
  Dataset dataset;
  dataset.add(numbers("loss", {}, at::scalar_tensor(2.5, at::kDouble)));
  dataset.add(numbers("none", {"empty", "x"}, at::zeros({0, 3})));
  dataset.add(texts("names", "empty", {}));
  expect_round_trip(dataset);
}

// Over a megabyte: several chunks; over 8 MiB: stored without compression.
TEST(DatasetFile, KeepsLargeVariables) {
  Dataset dataset;
  dataset.add(numbers("small", {"a", "b"}, at::rand({37, 20011})));
  dataset.add(numbers("large", {"c", "d", "e"}, at::rand({3, 11, 70001})));
  expect_round_trip(dataset);
}

TEST(DatasetFile, RefusesUnitsThatXarrayTakesForATime) {
  for (const std::string units : {"seconds", "days", "milliseconds", "days since 2000-01-01", ""}) {
    Dataset dataset;
    dataset.add(numbers("a", {"x"}, at::zeros({2}), units));
    EXPECT_THROW(through_a_file(dataset), UsageError) << units;
  }
  Dataset dataset;
  dataset.add(numbers("a", {"x"}, at::zeros({2}), "s"));
  EXPECT_NO_THROW(through_a_file(dataset));
}

TEST(DatasetFile, RefusesAttributesThatReadersActOn) {
  for (const std::string name : {"_FillValue", "scale_factor", "add_offset", "units", "coordinates",
                                 "CLASS", "DIMENSION_LIST", "a b"}) {
    Dataset dataset;
    Variable variable = numbers("a", {"x"}, at::zeros({2}));
    variable.attributes[name] = std::int64_t{0};
    dataset.add(variable);
    EXPECT_THROW(through_a_file(dataset), UsageError) << name;
  }
}

TEST(DatasetFile, RefusesAttributeTextThatIsNotUtf8) {
  Dataset dataset;
  dataset.add(numbers("a", {"x"}, at::zeros({2})));
  dataset.attributes["note"] = "\xFF";
  EXPECT_THROW(through_a_file(dataset), UsageError);
}

}  // namespace
}  // namespace lensbench

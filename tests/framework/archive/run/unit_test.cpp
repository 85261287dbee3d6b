#include "archive/run/unit.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <lensbench/error.hpp>
#include <memory>

#include "support/variables.hpp"

// A unit gives back what was put into it, to the bit.

namespace lensbench {
namespace {

using ::testing::HasSubstr;
using testing::numbers;

/// Bytes of an image in memory of their own, as they are read from a pack.
std::shared_ptr<std::vector<std::byte>> image_bytes(const UnitImage& image) {
  auto bytes = std::make_shared<std::vector<std::byte>>();
  for (const auto& part : image.parts()) bytes->insert(bytes->end(), part.begin(), part.end());
  return bytes;
}

Unit unit_of(const std::map<std::string, Dataset>& saved, const std::string& error = "",
             const CaseCosts& costs = {}) {
  const auto bytes = image_bytes(UnitImage(error, saved, costs));
  return Unit(*bytes, bytes, "the pack");
}

/// A dataset with every kind of variable and attribute.
Dataset every_kind() {
  Dataset dataset;
  add_token_axis(dataset, {17, 18}, {"In", " the"});
  dataset.add(numbers("entropy", {"token"}, at::tensor({-0.0F, NAN}), "nats"));
  dataset.add(numbers("exact", {"token"}, at::tensor({0.1, 1e300}, at::kDouble)));
  dataset.add(numbers("flag", {"token"}, at::tensor({1, 0}, at::kLong).to(at::kBool)));
  dataset.add(numbers("sign", {}, at::scalar_tensor(-3, at::kChar)));
  dataset.add(numbers("byte", {}, at::scalar_tensor(200, at::kByte)));
  dataset.add(numbers("half", {}, at::scalar_tensor(1.5, at::kHalf)));
  dataset.add(numbers("nothing", {"none", "two"}, at::empty({0, 2}, at::kDouble)));
  dataset.add(testing::texts("words", "word", {"", "zw\xC3\xB6lf"}));
  Variable ids = numbers("top_id", {"token"}, at::tensor({5, 1 << 30}, at::kInt));
  ids.holds = Holds::token_ids;
  ids.long_name = "top_id";
  ids.attributes = {{"of", std::string("layer 1")},
                    {"n", std::int64_t{-1}},
                    {"tolerance", 0.1},
                    {"names", std::vector<std::string>{"a", ""}}};
  dataset.add(ids);
  dataset.attributes = {{"note", std::string("of the dataset")}, {"count", std::int64_t{1} << 40}};
  dataset.receipts = {make_receipt("sum", 1e-6, 1e-5, "why"), make_receipt("bad", NAN, 1)};
  return dataset;
}

void expect_equal(const Variable& a, const Variable& b) {
  SCOPED_TRACE(a.name);
  EXPECT_EQ(a.dims, b.dims);
  EXPECT_EQ(a.units, b.units);
  EXPECT_EQ(a.long_name, b.long_name);
  EXPECT_EQ(a.coordinate, b.coordinate);
  EXPECT_EQ(a.holds, b.holds);
  EXPECT_EQ(a.attributes, b.attributes);
  EXPECT_EQ(a.strings, b.strings);
  ASSERT_EQ(a.is_text(), b.is_text());
  if (a.is_text()) return;
  EXPECT_EQ(a.tensor.scalar_type(), b.tensor.scalar_type());
  ASSERT_EQ(a.tensor.sizes(), b.tensor.sizes());
  EXPECT_EQ(0, a.tensor.numel() == 0
                   ? 0
                   : std::memcmp(a.tensor.data_ptr(), b.tensor.data_ptr(), a.tensor.nbytes()));
}

TEST(Unit, GivesBackEveryKindOfVariableToTheBit) {
  const Dataset dataset = every_kind();
  const Dataset read = unit_of({{"lens", dataset}, {"other", {}}}).read("lens");
  ASSERT_EQ(read.variables().size(), dataset.variables().size());
  for (std::size_t i = 0; i < dataset.variables().size(); ++i)
    expect_equal(dataset.variables()[i], read.variables()[i]);
  EXPECT_EQ(read.dims(), dataset.dims());
  EXPECT_EQ(read.attributes, dataset.attributes);
  ASSERT_EQ(read.receipts.size(), 2u);
  EXPECT_EQ(read.receipts[0].note, "why");
  EXPECT_EQ(read.receipts[0].tolerance, 1e-5);
  EXPECT_TRUE(read.receipts[0].passed);
  EXPECT_TRUE(std::isnan(read.receipts[1].value));
  EXPECT_FALSE(read.receipts[1].passed);
}

TEST(Unit, TellsItsNamesItsFailedReceiptsAndItsError) {
  const Unit unit = unit_of({{"a", every_kind()}, {"b", every_kind()}, {"c", {}}});
  EXPECT_EQ(unit.names(), (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(unit.failed_receipts(), 2);
  EXPECT_FALSE(unit.failed());
  EXPECT_EQ(unit_of({}, "out of memory").error(), "out of memory");
  EXPECT_THROW(unit.read("d"), InputError);
}

TEST(Unit, GivesBackCosts) {
  CaseCosts costs;
  costs.whole = {0.1, NAN, 1};
  costs.tools["lens"] = {0.05, 1e9, 3};
  costs.profile = {{-1, "embed", 1, 0.01, 10, 20, 30}};
  costs.session = "2026-01-01T00:00:00Z";
  EXPECT_EQ(to_json(unit_of({}, "", costs).costs()), to_json(costs));
}

TEST(Unit, DoesNotCopyValuesThatAreMostOfIt) {
  Dataset dataset;
  dataset.add(numbers("large", {"row"}, at::arange(1 << 20, at::kFloat)));
  dataset.add(numbers("small", {"row"}, at::arange(1 << 20, at::kByte)));
  const std::map<std::string, Dataset> saved{{"a", dataset}};
  const UnitImage image("", saved, {});
  EXPECT_EQ(image.parts().at(1).data(), dataset["large"].tensor.data_ptr());
  const auto bytes = image_bytes(image);
  const Dataset read = Unit(*bytes, bytes, "the pack").read("a");
  const auto* first = static_cast<const std::byte*>(read["large"].tensor.data_ptr());
  EXPECT_TRUE(first >= bytes->data() && first < bytes->data() + bytes->size());
  EXPECT_TRUE(read["large"].tensor.equal(dataset["large"].tensor));
  EXPECT_TRUE(read["small"].tensor.equal(dataset["small"].tensor));
}

TEST(Unit, RefusesWhatAnArchiveCannotStore) {
  Dataset units;
  units.add(numbers("x", {}, at::scalar_tensor(1.0), ""));
  Dataset axes;
  axes.add(numbers("x", {"a", "b", "c", "d", "e", "f", "g", "h", "i"},
                   at::ones({1, 1, 1, 1, 1, 1, 1, 1, 1})));
  Dataset reserved;
  reserved.attributes["signal"] = std::string("x");
  Dataset large;
  for (int i = 0; i < 2; ++i)
    large.attributes["list" + std::to_string(i)] = std::vector<std::string>(3000, "a");
  Dataset receipt;
  receipt.receipts = {make_receipt("sum", 0, 1, "\xFF")};
  for (const Dataset& dataset : {units, axes, reserved, large, receipt})
    EXPECT_THROW(UnitImage("", {{"a", dataset}}, {}), UsageError);
}

TEST(Unit, RefusesBytesThatAreNotAUnitAtEveryLength) {
  const auto bytes = image_bytes(UnitImage("", {{"a", every_kind()}}, {}));
  for (std::size_t n = 0; n < bytes->size(); ++n)
    EXPECT_THROW(Unit(std::span(*bytes).first(n), bytes, "the pack").read("a"), InputError) << n;
}

TEST(Unit, SurvivesEveryChangedByte) {
  const auto bytes = image_bytes(UnitImage("", {{"a", every_kind()}}, {}));
  for (std::size_t i = 0; i < bytes->size(); ++i) {
    auto changed = std::make_shared<std::vector<std::byte>>(*bytes);
    (*changed)[i] = ~(*changed)[i];
    try {
      Unit(*changed, changed, "the pack").read("a");
    } catch (const InputError& error) {
      EXPECT_THAT(error.what(), HasSubstr("the pack"));
    }
  }
}

}  // namespace
}  // namespace lensbench

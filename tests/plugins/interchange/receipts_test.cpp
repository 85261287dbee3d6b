#include "interchange_fixture.hpp"
#include "support/faulty_model.hpp"
#include "support/random_model.hpp"

// Receipts fail for the faults that they name.

namespace lensbench::interchange {
namespace {

Dataset exchanged_with(const testing::Faults& faults) {
  InterchangeBench bench(
      testing::faulty(random_model(small_gpt2_spec(), 5, at::kFloat, 0.3), faults));
  InterchangeOptions options;
  options.basis = {"random"};
  options.controls = {"placebo"};
  options.layers = {0};
  return bench.tool.exchange(small_pairs(bench, 8), options);
}

void expect_fails(const testing::Faults& faults, const std::string& receipt) {
  EXPECT_TRUE(testing::receipt_of(exchanged_with({}), receipt).passed) << receipt;
  EXPECT_FALSE(testing::receipt_of(exchanged_with(faults), receipt).passed) << receipt;
}

TEST(InterchangeReceipts, FailForExchangesThatActOnNothing) {
  expect_fails(testing::deaf(), "no_write_was_without_effect");
}

TEST(InterchangeReceipts, FailForExchangesThatAddSomethingElse) {
  const auto changes =
      testing::off_where([](const testing::AskedForward& f) { return f.replaces; });
  expect_fails(changes, "rank_0_changes_nothing");
  expect_fails(changes, "replacing_an_activation_by_itself_changes_nothing");
}

TEST(InterchangeReceipts, FailForBatchesThatGiveOtherNumbers) {
  expect_fails(testing::off_where([](const testing::AskedForward& f) { return f.in_a_batch; }),
               "batched_equals_single");
}

}  // namespace
}  // namespace lensbench::interchange

#include "interchange_fixture.hpp"
#include "support/faulty_model.hpp"
#include "support/random_model.hpp"

// Receipts fail for the faults that they name.

namespace lensbench::interchange {
namespace {

Dataset exchanged_with(const testing::Faults& faults, std::int64_t layer = 0,
                       std::int64_t position = -1) {
  InterchangeBench bench(
      testing::faulty(random_model(small_gpt2_spec(), 5, at::kFloat, 0.3), faults));
  InterchangeOptions options;
  options.basis = {"random"};
  options.controls = {"placebo"};
  options.layers = {layer};
  options.position = {position};
  return bench.tool.exchange(small_pairs(bench, 8), options);
}

void expect_fails(const testing::Faults& faults, const std::string& receipt) {
  EXPECT_TRUE(testing::receipt_of(exchanged_with({}), receipt).passed) << receipt;
  EXPECT_FALSE(testing::receipt_of(exchanged_with(faults), receipt).passed) << receipt;
}

TEST(InterchangeReceipts, FailForExchangesThatActOnNothing) {
  expect_fails(testing::deaf(), "no_write_was_without_effect");
}

// After the attention of the last block a change acts at its own position alone.
TEST(InterchangeReceipts, HoldWhereNoLaterTokenReads) {
  const Dataset found = exchanged_with({}, small_gpt2_spec().n_layers - 1, -2);
  EXPECT_EQ(testing::value_at(found, "answer_id", {0, 0, 0, 0}),
            testing::value_at(found, "base_answer_id", {0}));
  testing::expect_receipts_hold(found, 8);
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

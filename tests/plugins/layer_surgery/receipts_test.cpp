#include "support/faulty_model.hpp"
#include "support/random_model.hpp"
#include "surgery_fixture.hpp"

// Each receipt fails for the fault that it names.

namespace lensbench::surgery {
namespace {

using lensbench::testing::AskedForward;
using lensbench::testing::Faults;
using Given = std::map<std::string, std::string>;

Dataset operated(const Faults& faults, const Given& given) {
  Bench bench(
      lensbench::testing::faulty(random_model(small_gpt2_spec(), 5, at::kFloat, 0.3), faults),
      {3, 17, 5, 5, 11, 0, 23});
  return run_with(bench, given);
}

void expect_fails(const Faults& faults, const Given& given, const std::string& receipt) {
  EXPECT_TRUE(receipt_of(operated({}, given), receipt).passed) << receipt;
  EXPECT_FALSE(receipt_of(operated(faults, given), receipt).passed) << receipt;
}

const Given kMerge = {{"operation", "merge_heads"}, {"heads", "1:0,1:2"}};
const Given kPrune = {{"operation", "prune"}, {"fractions", "0.5"}, {"draws", "1"}};

Faults off_in_parts() {
  return lensbench::testing::off_where([](const AskedForward& f) { return f.is_partial; });
}

TEST(SurgeryReceipts, FailForBlocksThatGiveOtherNumbersOneByOne) {
  expect_fails(off_in_parts(), {}, "identity_order_equals_forward");
}

TEST(SurgeryReceipts, FailForAZeroedBlockThatStillAdds) {
  expect_fails(lensbench::testing::deaf(), {}, "deleting_a_block_equals_zeroing_its_outputs");
}

TEST(SurgeryReceipts, FailForMergedWeightsThatGiveOtherNumbers) {
  expect_fails(off_in_parts(), kMerge, "merging_a_head_with_itself_changes_nothing");
}

TEST(SurgeryReceipts, FailForAHeadThatIsStillThere) {
  expect_fails(lensbench::testing::deaf(), kMerge, "zeroing_the_second_head_equals_ablating_it");
}

TEST(SurgeryReceipts, FailForAMaskThatChangesMoreThanItsParts) {
  const auto masks =
      lensbench::testing::off_where([](const AskedForward& f) { return f.replaces; });
  expect_fails(masks, kPrune, "replacing_an_activation_by_itself_changes_nothing");
}

TEST(SurgeryReceipts, FailForMasksThatActOnNothing) {
  expect_fails(lensbench::testing::deaf(), kPrune, "no_write_was_without_effect");
}

}  // namespace
}  // namespace lensbench::surgery

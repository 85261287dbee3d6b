#include "bench/input/case_batches.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace lensbench {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

TEST(CaseBatches, JoinConsecutiveCasesOfAlikeLength) {
  EXPECT_THAT(form_batches({5, 5, 6, 5}, 512), ElementsAre(Pair(0, 4)));
}

TEST(CaseBatches, EndWherePaddingExceedsAThirdOfTheTokens) {
  // 3 tokens and 6: 12 columns for 9 tokens. 3 tokens and 7: 14 columns for 10.
  EXPECT_THAT(form_batches({3, 6}, 512), ElementsAre(Pair(0, 2)));
  EXPECT_THAT(form_batches({3, 7}, 512), ElementsAre(Pair(0, 1), Pair(1, 2)));
}

TEST(CaseBatches, EndAtTheMostCases) {
  EXPECT_THAT(form_batches(std::vector<std::int64_t>(40, 2), 512),
              ElementsAre(Pair(0, 32), Pair(32, 40)));
}

TEST(CaseBatches, EndAtTheMostColumns) {
  EXPECT_THAT(form_batches({100, 100, 100}, 250), ElementsAre(Pair(0, 2), Pair(2, 3)));
  EXPECT_THAT(form_batches({300, 300}, 250), ElementsAre(Pair(0, 1), Pair(1, 2)));
}

TEST(CaseBatches, LeaveACaseThatCannotRunAlone) {
  EXPECT_THAT(form_batches({4, 0, 4, 4}, 512), ElementsAre(Pair(0, 1), Pair(1, 2), Pair(2, 4)));
  EXPECT_THAT(form_batches({0, 0}, 512), ElementsAre(Pair(0, 1), Pair(1, 2)));
  EXPECT_THAT(form_batches({}, 512), IsEmpty());
}

TEST(CaseBatches, AreSmallerForLargerModels) {
  TransformerSpec spec;
  spec.n_layers = 2;
  spec.d_model = 32;
  EXPECT_EQ(most_batch_columns(spec), 512);
  spec.n_layers = 32;
  spec.d_model = 4096;
  EXPECT_EQ(most_batch_columns(spec), 64);
}

}  // namespace
}  // namespace lensbench

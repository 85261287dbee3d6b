#include "bench/input/case_batches.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace lensbench {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(CaseBatches, JoinCasesOfEqualLength) {
  EXPECT_THAT(form_batches({5, 6, 5, 5, 6}, 512),
              ElementsAre(ElementsAre(0, 2, 3), ElementsAre(1, 4)));
}

TEST(CaseBatches, EndAtTheMostCases) {
  const auto batches = form_batches(std::vector<std::int64_t>(40, 2), 512);
  ASSERT_EQ(batches.size(), 2u);
  EXPECT_EQ(batches[0].size(), 32u);
  EXPECT_EQ(batches[1].front(), 32);
}

TEST(CaseBatches, EndAtTheMostTokens) {
  EXPECT_THAT(form_batches({100, 100, 100}, 250), ElementsAre(ElementsAre(0, 1), ElementsAre(2)));
  EXPECT_THAT(form_batches({300, 300}, 250), ElementsAre(ElementsAre(0), ElementsAre(1)));
}

TEST(CaseBatches, JoinOnlyCasesThatAreNearEachOther) {
  std::vector<std::int64_t> lengths(300, 0);
  lengths[0] = lengths[255] = lengths[256] = 7;
  const auto batches = form_batches(lengths, 512);
  EXPECT_THAT(batches.front(), ElementsAre(0, 255));
  EXPECT_EQ(batches.size(), 299u);
}

TEST(CaseBatches, LeaveACaseThatCannotRunAlone) {
  EXPECT_THAT(form_batches({4, 0, 4, 0}, 512),
              ElementsAre(ElementsAre(0, 2), ElementsAre(1), ElementsAre(3)));
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

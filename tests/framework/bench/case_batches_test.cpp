#include "bench/input/case_batches.hpp"

#include <ATen/Parallel.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <lensbench/context.hpp>
#include <lensbench/model.hpp>

#include "support/contexts.hpp"
#include "support/random_model.hpp"

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

// Large products of some processors give a row other bits among more rows: there, cases stay alone.
TEST(CaseBatches, KeepTheBitsOfEachPromptInAModelOfLargeProducts) {
  TransformerSpec spec = gpt2_small_spec();
  spec.n_layers = 1;
  spec.vocab_size = 100;
  const auto model = random_model(spec, 1);
  const Context context = testing::context_of(model);
  std::vector<CaseInput> cases;
  for (std::int64_t i = 0; i < 32; ++i) {
    cases.push_back({std::to_string(i), "", {}, {}});
    for (std::int64_t j = 0; j < 16; ++j) cases.back().ids.push_back((7 * i + 3 * j) % 100);
  }
  const int threads = at::get_num_threads();
  at::set_num_threads(1);  // as in a run whose products have threads of their own
  const auto batches = batches_of(cases, context, true);
  at::set_num_threads(threads);
  ForwardOptions options;
  options.logits = ForwardOptions::Logits::none;
  for (const auto& batch : batches) {
    std::vector<Tokens> together;
    for (const std::int64_t number : batch)
      together.push_back(tokens_from_ids(*model, cases[static_cast<std::size_t>(number)].ids));
    const at::Tensor all = model->forward(make_batch(together), options).residual;
    for (std::size_t row = 0; row < together.size(); ++row)
      EXPECT_TRUE(model->forward(make_batch(together[row]), options)
                      .residual[0]
                      .equal(all[static_cast<std::int64_t>(row)]))
          << "case " << batch[row] << " among " << batch.size();
  }
}

CaseInput case_of(std::size_t tokens) {
  return {"", "", std::vector<std::int64_t>(tokens, 1), {}};
}

TEST(GroupsInStep, HaveAsManyConsecutiveCasesAsTheirBoundsAllow) {
  TransformerSpec spec = small_gpt2_spec();
  spec.max_positions = 8192;
  const Context context = testing::context_of(random_model(spec, 1));
  EXPECT_THAT(
      groups_in_step({case_of(3), case_of(8000), case_of(100), case_of(200), case_of(7)}, context),
      ElementsAre(ElementsAre(0, 1, 2), ElementsAre(3, 4)));
  const auto many = groups_in_step(std::vector<CaseInput>(40, case_of(5)), context);
  ASSERT_EQ(many.size(), 3u);
  EXPECT_EQ(many[1].front(), 16);
  EXPECT_EQ(many[2].size(), 8u);
}

TEST(GroupsInStep, LeaveACaseThatCannotRunAlone) {
  const Context context = testing::context_of(random_model(small_gpt2_spec(), 1));
  CaseInput wrong = case_of(1);
  wrong.ids = {1'000'000};
  EXPECT_THAT(groups_in_step({case_of(2), wrong, case_of(3), case_of(4)}, context),
              ElementsAre(ElementsAre(0), ElementsAre(1), ElementsAre(2, 3)));
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

// The formulas on numbers small enough to compute by hand.
#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <set>

#include "interchange/bases.hpp"
#include "interchange/labels.hpp"
#include "interchange/runs.hpp"
#include "interchange/split.hpp"
#include "interchange/swap.hpp"
#include "interchange/weights.hpp"
#include "interchange_fixture.hpp"

namespace lensbench::interchange {
namespace {

TEST(AnExchange, MovesTheComponentAlongTheBasis) {
  // d = (2, -3), d · B = 1.2 - 2.4 = -1.2, and -1.2 B = (-0.72, -0.96).
  const at::Tensor h = matrix({{1, 2}}), source = matrix({{3, -1}}), basis = matrix({{0.6}, {0.8}});
  expect_near(exchanged(h, source, basis, 1), matrix({{0.28, 1.04}}));
  expect_near(exchanged(h, source, basis, 0.5), matrix({{0.64, 1.52}}));
  expect_near(exchanged(exchanged(h, source, basis, 1), h, basis, 1), h);
}

TEST(APlacebo, MovesAsFarAsTheExchangeWithinAnotherSubspace) {
  // d = (3, 4): the exchange along (1, 0) moves by 3, and d has 4 along (0, 1), which becomes 3.
  const at::Tensor h = matrix({{1, 2}}), source = matrix({{4, 6}});
  const at::Tensor first = matrix({{1}, {0}}), second = matrix({{0}, {1}});
  expect_near(moved_as_far(h, source, first, second, 1), matrix({{1, 5}}));
  expect_near(moved_as_far(h, source, first, second, 0.5), matrix({{1, 3.5}}));
  // A distance is not negative, whichever way the exchange goes.
  expect_near(moved_as_far(h, source, first, second, -1), matrix({{1, 5}}));
}

TEST(APlacebo, DoesNotMoveWhereBaseAndSourceAreEqualInItsSubspace) {
  const at::Tensor h = matrix({{1, 2}}), source = matrix({{4, 2}});
  expect_near(moved_as_far(h, source, matrix({{1}, {0}}), matrix({{0}, {1}}), 1), h);
}

TEST(AnExchange, OfNoDirectionIsTheBaseAndOfAllIsTheSource) {
  const at::Tensor h = matrix({{1, 2}, {0.5, 7}}), source = matrix({{3, -1}, {4, 4}});
  EXPECT_TRUE(at::equal(exchanged(h, source, at::zeros({2, 0}, at::kDouble), 1), h));
  EXPECT_TRUE(at::equal(exchanged(h, source, at::eye(2, at::kDouble), 1), source));
}

TEST(APlacedBatch, ChangesOnePositionOfEachPromptAfterItsPadding) {
  const Tokens three = prompt_of({1, 2, 3}), two = prompt_of({4, 5});
  const at::Tensor activation = at::arange(12, at::kFloat).reshape({2, 3, 2});
  const PlacedBatch first({three, two}, 0), last({three, two}, -1);
  // Rows 0, 1, 2 of the first prompt are (0, 1), (2, 3), (4, 5); the second begins at (8, 9).
  expect_near(first.rows(activation), matrix({{0, 1}, {8, 9}}));
  expect_near(last.rows(activation), matrix({{4, 5}, {10, 11}}));
  const at::Tensor changed =
      last.changing([](const at::Tensor& rows) { return -rows; })(activation, HookPoint{});
  expect_near(changed.flatten(0, 1),
              matrix({{0, 1}, {2, 3}, {-4, -5}, {6, 7}, {8, 9}, {-10, -11}}));
}

TEST(ABasis, OfTwoValuesIsTheDifferenceOfTheirMeans) {
  // Means (1, 1) and (4, 5): the difference is (3, 4), of length 5.
  const at::Tensor rows = matrix({{0, 1}, {4, 5}, {2, 1}});
  expect_near(mean_difference(rows, {0, 1, 0}, 1, "here"), matrix({{0.6}, {0.8}}));
}

TEST(ABasis, OfPrincipalDirectionsHasThoseOfLargestVariance) {
  // Deviations 3 along (0.8, 0.6), and 1 across.
  const at::Tensor found =
      principal(matrix({{2.4, 1.8}, {-2.4, -1.8}, {-0.6, 0.8}, {0.6, -0.8}}), 2, "here");
  expect_near(found, matrix({{0.8, -0.6}, {0.6, 0.8}}));
}

TEST(ABasis, OfRowsThatDifferInFewerDirectionsIsRefusedWithItsPlace) {
  const at::Tensor equal = matrix({{1, 2}, {1, 2}}), line = matrix({{1, 2}, {2, 4}, {3, 6}});
  EXPECT_THAT(message_of<RunError>([&] {
                mean_difference(equal, {0, 1}, 1, "here");
              }),
              HasSubstr("differ in 0 directions at here, and rank is 1"));
  EXPECT_THAT(message_of<RunError>([&] { principal(line, 2, "here"); }),
              HasSubstr("differ in 1 directions at here, and rank is 2"));
}

TEST(ABasis, OfColumnsIsOrthonormalOnTheirSides) {
  // (3, 4) / 5, and what is left of (0, 1) after it: (-0.48, 0.36) / 0.6.
  expect_near(orthonormal(matrix({{3, 0}, {4, 1}})), matrix({{0.6, -0.8}, {0.8, 0.6}}));
}

TEST(ABasis, OfChanceIsOrthonormalAndDependsOnTheStream) {
  Philox one(5, 1), again(5, 1), other(5, 2);
  const at::Tensor basis = random_basis(7, 3, one);
  EXPECT_LE(orthonormality_error(basis), 1e-12);
  EXPECT_TRUE(at::equal(basis, random_basis(7, 3, again)));
  EXPECT_FALSE(at::equal(basis, random_basis(7, 3, other)));
}

TEST(AnAnswer, IsRightWhereTheExpectedTokenHasTheLargestLogitAlone) {
  const at::Tensor logits = matrix({{1, 3, 2}, {1, 3, 2}, {2, 2, 0}}).to(at::kFloat);
  const Answers answers = answers_of(logits, {1, 2, 0});
  expect_near(answers.margins, at::tensor(std::vector<double>{1, -1, 0}, at::kDouble));
  expect_near(answers.right(), at::tensor(std::vector<double>{1, 0, 0}, at::kDouble));
  EXPECT_EQ(answers.ids[1].item<std::int64_t>(), 1);
}

TEST(ArbitraryLabels, KeepPairsOfOneAnswerTogetherAndAvoidAllAnswers) {
  Philox random(3, 0);
  const std::vector<std::int64_t> expected = {4, 7, 4, 9, 7};
  const auto labels = arbitrary_labels(expected, 12, random);
  EXPECT_EQ(labels[0], labels[2]);
  EXPECT_EQ(labels[1], labels[4]);
  EXPECT_EQ(std::set<std::int64_t>(labels.begin(), labels.end()).size(), 3);
  for (const std::int64_t label : labels)
    for (const std::int64_t answer : expected) EXPECT_NE(label, answer);
  EXPECT_THAT(message_of<UsageError>([&] { arbitrary_labels(expected, 5, random); }),
              HasSubstr("leave it out of controls"));
}

class Splits : public ::testing::Test {
 protected:
  InterchangePair pair(std::int64_t base, std::int64_t source,
                       std::optional<bool> in_test = std::nullopt) const {
    return {.base = prompt_of({base}), .source = prompt_of({source}), .in_test = in_test};
  }
  std::vector<std::int64_t> split(const std::vector<InterchangePair>& pairs) {
    Philox random(1, 0);
    const std::vector<std::int64_t> values(pairs.size(), 0);
    return split_pairs(pairs, values, 1, random);
  }
};

TEST_F(Splits, KeepPairsThatShareAPromptTogether) {
  const std::vector<InterchangePair> pairs = {pair(0, 1), pair(2, 3), pair(1, 4), pair(3, 5)};
  const auto part = split(pairs);
  EXPECT_EQ(part[0], part[2]);
  EXPECT_EQ(part[1], part[3]);
  EXPECT_NE(part[0], part[1]);
}

TEST_F(Splits, LeaveOutPairsAcrossTheSidesWhereAllShareAPrompt) {
  std::vector<InterchangePair> pairs;
  for (std::int64_t base = 0; base < 6; ++base)
    for (std::int64_t source = 0; source < 6; ++source)
      if (base != source) pairs.push_back(pair(base, source));
  const auto part = split(pairs);
  EXPECT_EQ(prompts_on_both_sides(pairs, part), 0);
  // Three prompts on each side: 3 · 2 pairs each, and 18 across.
  EXPECT_EQ(std::count(part.begin(), part.end(), 0), 6);
  EXPECT_EQ(std::count(part.begin(), part.end(), 1), 6);
  EXPECT_EQ(std::count(part.begin(), part.end(), -1), 18);
}

TEST_F(Splits, OfTheFileAreKeptIfNoPromptIsOnBothSides) {
  EXPECT_THAT(split({pair(0, 1, true), pair(2, 3, false)}), ::testing::ElementsAre(1, 0));
  EXPECT_THAT(message_of<UsageError>([&] {
                split({pair(0, 1, true), pair(1, 2, false)});
              }),
              HasSubstr("1 prompts are in a training pair and in a test pair"));
  EXPECT_THAT(message_of<UsageError>([&] {
                split({pair(0, 1, true), pair(2, 3)});
              }),
              HasSubstr("give all of them one, or none"));
  EXPECT_THAT(message_of<UsageError>([&] { split({pair(0, 1)}); }), HasSubstr("pair is left of 1"));
}

TEST(RandomWeights, AreTheWeightsInAnotherOrder) {
  const auto model = Model::open(testing::data_folder() + "/models/gpt2");
  const auto random = with_random_weights(model, 1, 2);
  for (const char* name : {"blocks.0.attn.W_Q", "blocks.1.mlp.W_out"}) {
    const at::Tensor own = model->weight(name).flatten(), other = random->weight(name).flatten();
    EXPECT_FALSE(at::equal(own, other)) << name;
    EXPECT_TRUE(at::equal(std::get<0>(own.sort()), std::get<0>(other.sort()))) << name;
  }
  for (const char* name : {"embed.W_E", "blocks.0.ln1.w"})
    EXPECT_TRUE(at::equal(model->weight(name), random->weight(name))) << name;
}

}  // namespace
}  // namespace lensbench::interchange

#include "bench/run/case_parts.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>
#include <set>

#include "bench/input/case_batches.hpp"

// How the cases of a run are divided among processes.

namespace lensbench {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Numbers = std::vector<std::int64_t>;

/// Shares as `first, end` pairs.
std::vector<std::pair<std::int64_t, std::int64_t>> divided(const Numbers& tokens,
                                                           std::int64_t count) {
  std::vector<std::pair<std::int64_t, std::int64_t>> pairs;
  for (const CaseSpan& share : shares_of(tokens, count)) pairs.emplace_back(share.first, share.end);
  return pairs;
}

using Pair = std::pair<std::int64_t, std::int64_t>;

TEST(Shares, HaveAlikeSumsOfTokens) {
  EXPECT_THAT(divided({1, 1, 1, 1}, 2), ElementsAre(Pair(0, 2), Pair(2, 4)));
  // Half of 14 tokens is 7: the first case is nearer to it than two cases.
  EXPECT_THAT(divided({10, 1, 1, 1, 1}, 2), ElementsAre(Pair(0, 1), Pair(1, 5)));
  EXPECT_THAT(divided({1, 1, 1, 1, 10}, 2), ElementsAre(Pair(0, 4), Pair(4, 5)));
}

TEST(Shares, OfOneProcessAreAllCases) {
  EXPECT_THAT(divided({3, 5, 8}, 1), ElementsAre(Pair(0, 3)));
}

TEST(Shares, AreNeverEmptyHoweverLongACaseIs) {
  EXPECT_THAT(divided({1000, 1, 1}, 3), ElementsAre(Pair(0, 1), Pair(1, 2), Pair(2, 3)));
  EXPECT_THAT(divided({1, 1, 1000}, 3), ElementsAre(Pair(0, 1), Pair(1, 2), Pair(2, 3)));
}

TEST(Shares, CountACaseWithoutTokensAsOne) {
  EXPECT_THAT(divided({0, 0, 0, 0}, 2), ElementsAre(Pair(0, 2), Pair(2, 4)));
}

Numbers random_tokens(std::mt19937& random, std::int64_t most_cases) {
  Numbers tokens(
      std::uniform_int_distribution<std::size_t>(1, static_cast<std::size_t>(most_cases))(random));
  std::uniform_int_distribution<std::int64_t> length(0, 512);
  for (std::int64_t& one : tokens) one = length(random);
  return tokens;
}

TEST(Shares, HaveEveryCaseOnceAndAtMostOneCaseMoreThanTheirPart) {
  std::mt19937 random(7);
  for (int trial = 0; trial < 2000; ++trial) {
    const Numbers tokens = random_tokens(random, 60);
    const std::int64_t count =
        std::uniform_int_distribution<std::int64_t>(1, std::ssize(tokens))(random);
    Numbers work = tokens;
    for (std::int64_t& one : work) one = std::max<std::int64_t>(1, one);
    const double ideal = static_cast<double>(std::accumulate(work.begin(), work.end(), 0L)) /
                         static_cast<double>(count);
    const auto longest = static_cast<double>(*std::max_element(work.begin(), work.end()));
    std::int64_t next = 0;
    for (const auto& [first, end] : divided(tokens, count)) {
      EXPECT_EQ(first, next);
      EXPECT_LT(first, end);
      const auto sum =
          static_cast<double>(std::accumulate(work.begin() + first, work.begin() + end, 0L));
      EXPECT_LE(sum, ideal + longest + 1e-6);
      next = end;
    }
    EXPECT_EQ(next, std::ssize(tokens));
  }
}

/// Cases of each block, which must be whole groups.
Numbers sizes_of(const std::vector<Numbers>& blocks) {
  Numbers sizes;
  for (const Numbers& block : blocks) sizes.push_back(std::ssize(block));
  return sizes;
}

CaseGroups single_cases(std::int64_t count) {
  CaseGroups groups;
  for (std::int64_t i = 0; i < count; ++i) groups.push_back({i});
  return groups;
}

TEST(Blocks, AreAboutOneHundredAndFiftiethOfAShare) {
  // 1200 cases of 4 processes: 300 each, so 2 of a block.
  EXPECT_EQ(blocks_of(single_cases(1200), Numbers(1200, 5), 4).size(), 600u);
  // A small run has blocks of one case.
  EXPECT_THAT(sizes_of(blocks_of(single_cases(3), Numbers(3, 5), 2)), ElementsAre(1, 1, 1));
}

TEST(Blocks, HaveAtMost256Cases) {
  const auto sizes = sizes_of(blocks_of(single_cases(1000), Numbers(1000, 5), 1, 100000));
  EXPECT_THAT(sizes, ElementsAre(256, 256, 256, 232));
}

TEST(Blocks, HaveAsManyCasesAsAsked) {
  EXPECT_THAT(sizes_of(blocks_of(single_cases(10), Numbers(10, 5), 2, 4)), ElementsAre(4, 4, 2));
}

TEST(Blocks, HaveFewerCasesWhereTheseAreLong) {
  // 24 tokens are the work of two average cases.
  Numbers tokens(10, 4);
  tokens[0] = tokens[1] = 44;
  EXPECT_THAT(sizes_of(blocks_of(single_cases(10), tokens, 1, 2)), ElementsAre(1, 1, 6, 2));
}

TEST(Blocks, KeepGroupsWholeAndHaveEveryCaseOnce) {
  std::mt19937 random(11);
  for (int trial = 0; trial < 200; ++trial) {
    const Numbers tokens = random_tokens(random, 600);
    Numbers lengths = tokens;
    for (std::int64_t& one : lengths) one %= 7;
    const CaseGroups groups = form_batches(lengths, 512);
    const auto processes = std::uniform_int_distribution<std::int64_t>(1, 9)(random);
    Numbers all;
    for (const Numbers& block : blocks_of(groups, tokens, processes))
      all.insert(all.end(), block.begin(), block.end());
    Numbers expected;
    for (const Numbers& group : groups) expected.insert(expected.end(), group.begin(), group.end());
    EXPECT_EQ(all, expected);
    const std::set<std::int64_t> distinct(all.begin(), all.end());
    EXPECT_EQ(distinct.size(), tokens.size());
  }
}

TEST(Apart, IsEveryCaseWithTheGivenOnesFirst) {
  EXPECT_EQ(apart({{0, 2, 5}, {1, 4}, {3}}, {4, 5}), (CaseGroups{{5}, {4}, {0}, {2}, {1}, {3}}));
  EXPECT_EQ(apart({{0, 1}}, {}), (CaseGroups{{0}, {1}}));
}

TEST(GroupsOfParts, AreTheGroupsWithTheCasesOfThePartAlone) {
  const GroupsOfParts groups({{0, 2, 5}, {1, 4}, {3}});
  EXPECT_THAT(groups.of(CaseSpan{0, 6}),
              ElementsAre(ElementsAre(0, 2, 5), ElementsAre(1, 4), ElementsAre(3)));
  EXPECT_THAT(groups.of(CaseSpan{2, 5}),
              ElementsAre(ElementsAre(2), ElementsAre(3), ElementsAre(4)));
  EXPECT_THAT(groups.of(Numbers{1, 4, 0}), ElementsAre(ElementsAre(1, 4), ElementsAre(0)));
  EXPECT_THAT(groups.of(Numbers{}), IsEmpty());
}

TEST(AllCases, AreGivenOnceInEachPass) {
  AllCases source;
  source.begin({{0, 1}, {2}});
  for (std::int64_t pass = 0; pass < 2; ++pass) {
    EXPECT_EQ(source.next(pass), (CaseGroups{{0, 1}, {2}}));
    EXPECT_THAT(source.next(pass), IsEmpty());
    EXPECT_TRUE(source.ends(pass));
  }
}

}  // namespace
}  // namespace lensbench

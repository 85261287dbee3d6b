#include "session/joint/rank_cases.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <set>

#include "framework/session/joint/thread_ranks.hpp"

// Dealing of cases, with threads in the place of processes.

namespace lensbench {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::ThreadRanks;
using Numbers = std::vector<std::int64_t>;

constexpr std::int64_t kCases = 100;

CaseGroups groups_of_two() {
  CaseGroups groups;
  for (std::int64_t i = 0; i < kCases; i += 2) groups.push_back({i, i + 1});
  return groups;
}

/// The cases that a run has computed, pass by pass.
class Computed {
 public:
  void add(std::int64_t pass, std::int64_t index, std::int64_t rank) {
    const std::lock_guard lock(mutex_);
    ++times_[{pass, index}];
    by_rank_[rank].insert(index);
  }
  bool has(std::int64_t pass, std::int64_t index) const {
    const std::lock_guard lock(mutex_);
    return times_.contains({pass, index});
  }
  bool has_all(std::int64_t pass) const {
    for (std::int64_t i = 0; i < kCases; ++i)
      if (!has(pass, i)) return false;
    return true;
  }
  /// Whether every case of a pass was computed once.
  bool once(std::int64_t pass) const {
    for (std::int64_t i = 0; i < kCases; ++i)
      if (times_.count({pass, i}) == 0 || times_.at({pass, i}) != 1) return false;
    return true;
  }
  std::size_t ranks() const { return by_rank_.size(); }

 private:
  mutable std::mutex mutex_;
  std::map<std::pair<std::int64_t, std::int64_t>, int> times_;
  std::map<std::int64_t, std::set<std::int64_t>> by_rank_;
};

RankCases::Run run_of(Computed& computed, std::int64_t passes) {
  RankCases::Run run;
  run.passes = passes;
  run.block_cases = 4;
  run.is_waiting = [&](std::int64_t pass, std::int64_t index) {
    return !computed.has(pass, index);
  };
  run.finish_writing = [] {};
  run.is_over = [&](std::int64_t pass) { return computed.has_all(pass); };
  run.look = [](std::int64_t) {};
  return run;
}

/// All passes of one rank. \return the passes that ended
std::int64_t compute(RankCases& source, RankLink& link, Computed& computed, std::int64_t passes) {
  source.begin(groups_of_two());
  for (std::int64_t pass = 0; pass < passes; ++pass) {
    for (CaseGroups groups = source.next(pass); !groups.empty(); groups = source.next(pass))
      for (const Numbers& group : groups)
        for (const std::int64_t index : group) computed.add(pass, index, link.rank());
    if (!source.ends(pass)) return pass;
  }
  return passes;
}

TEST(RankCases, AreComputedOnceByAnyNumberOfRanks) {
  for (const std::int64_t size : {1, 2, 3, 8}) {
    Computed computed;
    std::atomic<std::int64_t> ended = 0, summing = 0;
    ThreadRanks(size).run([&](RankLink& link) {
      RankCases source(link, Numbers(kCases, 1), run_of(computed, 2));
      ended += compute(source, link, computed, 2);
      summing += source.sums_up() ? 1 : 0;
    });
    EXPECT_TRUE(computed.once(0) && computed.once(1)) << size;
    EXPECT_EQ(ended, 2 * size);
    EXPECT_EQ(summing, 1);
  }
}

TEST(RankCases, KeepTheGroupsWhole) {
  Computed computed;
  std::mutex mutex;
  std::vector<Numbers> groups;
  ThreadRanks(2).run([&](RankLink& link) {
    RankCases source(link, Numbers(kCases, 1), run_of(computed, 1));
    source.begin(groups_of_two());
    for (CaseGroups next = source.next(0); !next.empty(); next = source.next(0)) {
      const std::lock_guard lock(mutex);
      groups.insert(groups.end(), next.begin(), next.end());
      for (const Numbers& group : next)
        for (const std::int64_t index : group) computed.add(0, index, link.rank());
    }
    EXPECT_TRUE(source.ends(0));
  });
  std::sort(groups.begin(), groups.end());
  EXPECT_EQ(groups, groups_of_two());
}

TEST(RankCases, ThatAreOverAreNotDealtAgain) {
  Computed computed;
  for (std::int64_t i = 0; i < kCases; ++i)
    if (i != 13 && i != 60) computed.add(0, i, 9);
  std::mutex mutex;
  Numbers dealt;
  ThreadRanks(3).run([&](RankLink& link) {
    RankCases source(link, Numbers(kCases, 1), run_of(computed, 1));
    source.begin(groups_of_two());
    for (CaseGroups next = source.next(0); !next.empty(); next = source.next(0))
      for (const Numbers& group : next)
        for (const std::int64_t index : group) {
          computed.add(0, index, link.rank());
          const std::lock_guard lock(mutex);
          dealt.push_back(index);
        }
    EXPECT_TRUE(source.ends(0));
  });
  std::sort(dealt.begin(), dealt.end());
  EXPECT_THAT(dealt, ElementsAre(13, 60));
}

// So that the note of a process that ends is of the case that ended it.
TEST(RankCases, ThatAreSuspectsRunInRankZeroBeforeAllOthers) {
  Computed computed;
  std::mutex mutex;
  std::vector<std::pair<std::int64_t, std::int64_t>> order;  // rank and case
  ThreadRanks(3).run([&](RankLink& link) {
    auto run = run_of(computed, 1);
    if (link.is_first()) run.suspects = {7, 40};
    RankCases source(link, Numbers(kCases, 1), std::move(run));
    source.begin(groups_of_two());
    for (CaseGroups next = source.next(0); !next.empty(); next = source.next(0))
      for (const Numbers& group : next) {
        EXPECT_EQ(group.size(), 1U);
        computed.add(0, group.front(), link.rank());
        const std::lock_guard lock(mutex);
        order.emplace_back(link.rank(), group.front());
      }
    EXPECT_TRUE(source.ends(0));
  });
  EXPECT_TRUE(computed.once(0));
  EXPECT_EQ(order.at(0), std::pair(std::int64_t{0}, std::int64_t{7}));
  EXPECT_EQ(order.at(1), std::pair(std::int64_t{0}, std::int64_t{40}));
}

TEST(RankCases, AreLeftByAllIfRankZeroIsStoppedBeforeItServes) {
  Computed computed;
  std::atomic<std::int64_t> ended = 0;
  ThreadRanks(3).run([&](RankLink& link) {
    auto run = run_of(computed, 1);
    if (link.is_first()) run.suspects = {7};
    RankCases source(link, Numbers(kCases, 1), std::move(run));
    if (link.is_first()) {
      source.begin(groups_of_two());
      source.next(0);
      source.stop();
    } else {
      ended += compute(source, link, computed, 1);
    }
  });
  EXPECT_EQ(ended, 0);
}

/// One rank stops after its first block; the others must not wait for it.
void one_rank_stops(std::int64_t which) {
  Computed computed;
  std::atomic<std::int64_t> ended = 0;
  ThreadRanks(3).run([&](RankLink& link) {
    RankCases source(link, Numbers(kCases, 1), run_of(computed, 2));
    if (link.rank() == which) {
      source.begin(groups_of_two());
      source.next(0);
      source.stop();
    } else {
      ended += compute(source, link, computed, 2);
    }
  });
  // Nobody begins the second pass.
  EXPECT_EQ(ended, 0) << which;
  for (std::int64_t i = 0; i < kCases; ++i) EXPECT_FALSE(computed.has(1, i));
}

TEST(RankCases, OfARankThatIsStoppedAreLeftByAll) {
  for (std::int64_t which = 0; which < 3; ++which) one_rank_stops(which);
}

TEST(RankCases, EndWhereThePassIsNotOver) {
  Computed computed;
  std::atomic<std::int64_t> ended = 0;
  ThreadRanks(2).run([&](RankLink& link) {
    auto run = run_of(computed, 2);
    run.is_over = [](std::int64_t) { return false; };
    RankCases source(link, Numbers(kCases, 1), std::move(run));
    ended += compute(source, link, computed, 2);
  });
  EXPECT_EQ(ended, 0);
}

}  // namespace
}  // namespace lensbench

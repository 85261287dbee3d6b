#pragma once

#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "bench/run/case_parts.hpp"
#include "bench/run/case_source.hpp"
#include "session/joint/rank_link.hpp"

namespace lensbench {

/// Cases that rank 0 deals in blocks to the ranks that ask, so that all end at about the same time,
/// however fast each is. Rank 0 computes too, while a thread of it answers the others.
class RankCases final : public CaseSource {
 public:
  /// What the source asks of the run.
  struct Run {
    std::int64_t passes = 1;
    std::int64_t block_cases = 0;  ///< cases of a block; 0: see `blocks_of`
    /// In rank 0: cases that ran when an earlier process ended. Each runs in rank 0 while the other
    /// ranks wait: if the processes end again, it is then known in which case.
    std::set<std::int64_t> suspects = {};
    /// In rank 0: whether a case has to run in a pass.
    std::function<bool(std::int64_t pass, std::int64_t index)> is_waiting;
    /// Makes the cases of this rank safe for good, after the last pass.
    std::function<void()> finish_writing;
    /// In rank 0, when all ranks have ended a pass: takes in what they wrote.
    /// \return whether the pass is over
    std::function<bool(std::int64_t pass)> is_over;
    /// In other ranks, when a pass is over and a later one begins: takes in what all have written.
    std::function<void(std::int64_t pass)> look;
  };

  /// \param tokens  tokens of each case of the run
  RankCases(RankLink& link, std::vector<std::int64_t> tokens, Run run)
      : link_(link), tokens_(std::move(tokens)), run_(std::move(run)) {}
  ~RankCases() override;

  void begin(const CaseGroups& groups) override;
  CaseGroups next(std::int64_t pass) override;
  bool ends(std::int64_t pass) override;
  bool sums_up() const override { return link_.is_first(); }
  bool is_shared() const override { return true; }

  /// Ends the pass for all ranks, when this one was interrupted.
  void stop();

 private:
  /// Blocks that nobody has taken, of this object and of the thread that answers. An error of rank
  /// 0 destroys this object before it ends the processes: the thread still has these then.
  struct BlocksLeft {
    /// The next block, for this rank or for another one.
    std::vector<std::int64_t> take();

    std::mutex mutex;
    std::deque<std::vector<std::int64_t>> blocks;
    std::exception_ptr fault = nullptr;  ///< of the thread
  };

  void begin_pass(std::int64_t pass);
  /// Answers the other ranks from now on, in rank 0.
  void begin_serving();
  void end_serving();

  RankLink& link_;
  std::vector<std::int64_t> tokens_;
  Run run_;
  std::optional<GroupsOfParts> groups_;
  std::vector<std::vector<std::int64_t>> blocks_;  ///< of all cases, in rank 0

  std::int64_t pass_ = -1;
  bool has_more_ = false;  ///< the last answer of rank 0 was not empty
  std::shared_ptr<BlocksLeft> left_ = std::make_shared<BlocksLeft>();
  std::deque<std::int64_t> suspects_;  ///< of this pass, before all others
  std::thread server_;
};

}  // namespace lensbench

#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <utility>
#include <vector>

#include "bench/run/case_parts.hpp"
#include "bench/run/case_source.hpp"
#include "session/joint/shard.hpp"

// Sources of cases of processes that share a run without talking to each other.

namespace lensbench {

/// Cases of one shard.
class ShardCases final : public CaseSource {
 public:
  /// What the source asks of the run.
  struct Run {
    std::int64_t passes = 1;
    /// Tells which cases this process computes, before the first one.
    /// \return those of them that ran when an earlier process ended: each runs alone then
    std::function<std::set<std::int64_t>(const CaseSpan& cases)> begin;
    /// Whether all processes have ended a pass.
    std::function<bool(std::int64_t pass)> is_over;
  };

  /// \param tokens  tokens of each case of the run
  ShardCases(Shard shard, std::vector<std::int64_t> tokens, Run run)
      : shard_(shard), tokens_(std::move(tokens)), run_(std::move(run)) {}

  void begin(const CaseGroups& groups) override;
  CaseGroups next(std::int64_t pass) override { return share_.next(pass); }
  /// A shard cannot wait for others, which may not have started: it ends there.
  bool ends(std::int64_t pass) override { return pass + 1 == run_.passes || run_.is_over(pass); }
  bool sums_up() const override { return false; }
  bool is_shared() const override { return true; }

  /// Cases of the shard.
  const CaseSpan& cases() const { return range_; }

 private:
  Shard shard_;
  std::vector<std::int64_t> tokens_;
  Run run_;
  AllCases share_;
  CaseSpan range_;
};

/// All cases of a run that other processes worked on, for a process that goes on alone and seals.
class RemainingCases final : public CaseSource {
 public:
  /// \param suspects  cases that ran when an earlier process ended: each runs alone then
  /// \param settle    called after the last pass, before the summary
  RemainingCases(std::int64_t passes, std::set<std::int64_t> suspects, std::function<void()> settle)
      : passes_(passes), suspects_(std::move(suspects)), settle_(std::move(settle)) {}

  void begin(const CaseGroups& groups) override {
    all_.begin(suspects_.empty() ? groups : apart(groups, suspects_));
  }
  CaseGroups next(std::int64_t pass) override { return all_.next(pass); }
  bool ends(std::int64_t pass) override {
    if (pass + 1 == passes_) settle_();
    return true;
  }
  bool sums_up() const override { return true; }
  bool is_shared() const override { return true; }

 private:
  AllCases all_;
  std::int64_t passes_;
  std::set<std::int64_t> suspects_;
  std::function<void()> settle_;
};

/// One case alone, without the summary, to see what it saves.
class SingleCase final : public CaseSource {
 public:
  explicit SingleCase(std::int64_t index) : index_(index) {}

  void begin(const CaseGroups&) override { all_.begin({{index_}}); }
  CaseGroups next(std::int64_t pass) override { return all_.next(pass); }
  /// Later passes would need the other cases.
  bool ends(std::int64_t) override { return false; }
  bool sums_up() const override { return false; }
  bool is_shared() const override { return false; }

 private:
  AllCases all_;
  std::int64_t index_;
};

}  // namespace lensbench

#pragma once

#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <vector>

#include "session/joint/rank_link.hpp"

namespace lensbench::testing {

/// What the ranks of a test have in common, each of which is a thread.
class ThreadRanks {
 public:
  explicit ThreadRanks(std::int64_t size) : size_(size), answers_(static_cast<std::size_t>(size)) {}

  /// Runs `work` in every rank, and waits for all of them.
  void run(const std::function<void(RankLink&)>& work) {
    std::vector<std::thread> threads;
    for (std::int64_t rank = 0; rank < size_; ++rank)
      threads.emplace_back([this, rank, &work] {
        Link link(*this, rank);
        work(link);
      });
    for (std::thread& thread : threads) thread.join();
  }

 private:
  class Link final : public RankLink {
   public:
    Link(ThreadRanks& ranks, std::int64_t rank) : ranks_(ranks), rank_(rank) {}
    std::int64_t rank() const override { return rank_; }
    std::int64_t size() const override { return ranks_.size_; }
    void serve(const Next& next) override { ranks_.serve(next); }
    std::vector<std::int64_t> ask() override { return ranks_.ask(rank_); }
    void leave() override { ranks_.say(rank_, false); }
    bool all(bool value) override { return ranks_.meet(rank_, value).first; }
    bool of_first(bool value) override { return ranks_.meet(rank_, value).second; }
    [[noreturn]] void abort(int) override { throw std::runtime_error("abort"); }

   private:
    ThreadRanks& ranks_;
    std::int64_t rank_;
  };

  struct Question {
    std::int64_t rank;
    bool asks;
  };

  void say(std::int64_t rank, bool asks) {
    const std::lock_guard lock(mutex_);
    questions_.push_back({rank, asks});
    changed_.notify_all();
  }

  std::vector<std::int64_t> ask(std::int64_t rank) {
    say(rank, true);
    std::unique_lock lock(mutex_);
    auto& answers = answers_[static_cast<std::size_t>(rank)];
    changed_.wait(lock, [&] { return !answers.empty(); });
    auto answer = answers.front();
    answers.pop_front();
    return answer;
  }

  void serve(const RankLink::Next& next) {
    std::unique_lock lock(mutex_);
    for (std::int64_t left = size_ - 1; left > 0;) {
      changed_.wait(lock, [&] { return !questions_.empty(); });
      const Question question = questions_.front();
      questions_.pop_front();
      if (!question.asks) {
        --left;
        continue;
      }
      lock.unlock();
      const auto block = next();
      lock.lock();
      if (block.empty()) --left;
      answers_[static_cast<std::size_t>(question.rank)].push_back(block);
      changed_.notify_all();
    }
  }

  /// Waits for all. \return whether all gave true, and what rank 0 gave
  std::pair<bool, bool> meet(std::int64_t rank, bool value) {
    std::unique_lock lock(mutex_);
    const std::int64_t meeting = meeting_;
    met_all_ = met_all_ && value;
    if (rank == 0) met_first_ = value;
    if (++here_ == size_) {
      result_ = {met_all_, met_first_};
      met_all_ = true;
      here_ = 0;
      ++meeting_;
      changed_.notify_all();
    } else {
      changed_.wait(lock, [&] { return meeting_ != meeting; });
    }
    return result_;
  }

  std::int64_t size_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Question> questions_;
  std::vector<std::deque<std::vector<std::int64_t>>> answers_;
  std::int64_t here_ = 0, meeting_ = 0;
  bool met_all_ = true, met_first_ = false;
  std::pair<bool, bool> result_;
};

}  // namespace lensbench::testing

#include "session/joint/rank_cases.hpp"

#include <algorithm>

namespace lensbench {

/// After an error of this rank the thread answers until the caller ends all processes.
RankCases::~RankCases() {
  if (server_.joinable()) server_.detach();
}

/// All ranks run cases alone if one of them may end its process, so that its note is of one case.
void RankCases::begin(const CaseGroups& groups) {
  const bool alone = link_.of_first(link_.is_first() && !run_.suspects.empty());
  const CaseGroups all = alone ? apart(groups, {}) : groups;
  groups_.emplace(all);
  if (link_.is_first()) blocks_ = blocks_of(all, tokens_, link_.size(), run_.block_cases);
}

/// Only rank 0 knows which cases are over, so that the others need not read the files of the run.
void RankCases::begin_pass(std::int64_t pass) {
  pass_ = pass;
  has_more_ = true;
  if (!link_.is_first()) return;
  for (const std::int64_t index : run_.suspects)
    if (run_.is_waiting(pass, index)) suspects_.push_back(index);
  for (std::vector<std::int64_t> block : blocks_) {
    std::erase_if(block, [&](std::int64_t index) {
      return run_.suspects.contains(index) || !run_.is_waiting(pass, index);
    });
    if (!block.empty()) left_->blocks.push_back(std::move(block));
  }
}

void RankCases::begin_serving() {
  server_ = std::thread([left = left_, &link = link_] {
    try {
      link.serve([&] { return left->take(); });
    } catch (...) {
      left->fault = std::current_exception();
    }
  });
}

std::vector<std::int64_t> RankCases::BlocksLeft::take() {
  const std::lock_guard lock(mutex);
  if (blocks.empty()) return {};
  std::vector<std::int64_t> block = std::move(blocks.front());
  blocks.pop_front();
  return block;
}

/// The other ranks wait for their first answer until rank 0 has run the suspects.
CaseGroups RankCases::next(std::int64_t pass) {
  if (pass_ != pass) begin_pass(pass);
  if (!suspects_.empty()) {
    const std::int64_t suspect = suspects_.front();
    suspects_.pop_front();
    return {{suspect}};
  }
  if (link_.is_first() && !server_.joinable()) begin_serving();
  const auto cases = link_.is_first() ? left_->take() : link_.ask();
  has_more_ = !cases.empty();
  return groups_->of(cases);
}

void RankCases::end_serving() {
  if (!server_.joinable()) return;
  server_.join();
  if (left_->fault) std::rethrow_exception(left_->fault);
}

bool RankCases::ends(std::int64_t pass) {
  end_serving();
  if (pass + 1 == run_.passes) run_.finish_writing();
  if (!link_.all(true)) return false;
  const bool over = link_.of_first(link_.is_first() && run_.is_over(pass));
  if (over && pass + 1 < run_.passes && !link_.is_first()) run_.look(pass);
  return over;
}

/// The other ranks finish the blocks that they have, and see at the end of the pass that one of
/// them was stopped. A signal mostly comes to all of them.
void RankCases::stop() {
  if (link_.is_first()) {
    {
      const std::lock_guard lock(left_->mutex);
      left_->blocks.clear();
    }
    if (!server_.joinable()) begin_serving();
    end_serving();
  } else if (has_more_ && pass_ >= 0) {
    link_.leave();
  }
  link_.all(false);
}

}  // namespace lensbench

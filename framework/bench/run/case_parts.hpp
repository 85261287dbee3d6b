#pragma once

#include <cstdint>
#include <set>
#include <vector>

#include "bench/run/case_source.hpp"

// Division of the cases of a run among processes. Nothing that is stored depends on it: a case has
// the same bits in every group.

namespace lensbench {

/// Cases `first` to `end - 1`.
struct CaseSpan {
  std::int64_t first = 0, end = 0;
};

/// Divides all cases, in the order of the plan, into shares with alike sums of tokens. The shares
/// depend on the plan alone, so that processes on different machines agree on them.
/// \param tokens  tokens of each case; less than 1 counts as 1
/// \param count   number of shares, from 1 to the number of cases: no share is empty
std::vector<CaseSpan> shares_of(const std::vector<std::int64_t>& tokens, std::int64_t count);

/// Most cases of a block.
inline constexpr std::int64_t kMostBlockCases = 256;

/// Divides all cases into small blocks of whole groups with alike sums of tokens, for processes
/// that ask for the next block when they have finished one. So a slow process does not keep the
/// others waiting.
/// \param processes  number of processes, from 1 on
/// \param cases      cases of a block; 0: about one 150th of the share of a process, from 1 to
///   `kMostBlockCases`
/// \return the cases of each block, group by group
std::vector<std::vector<std::int64_t>> blocks_of(const CaseGroups& groups,
                                                 const std::vector<std::int64_t>& tokens,
                                                 std::int64_t processes, std::int64_t cases = 0);

/// Each case in a group of its own, the given ones first.
CaseGroups apart(const CaseGroups& groups, const std::set<std::int64_t>& first);

/// Finds the groups of a part of the cases.
class GroupsOfParts {
 public:
  /// \param groups  all cases of a run, each in one group
  explicit GroupsOfParts(const CaseGroups& groups);
  /// Groups with the given cases alone, in the order in which the first case of each is given.
  CaseGroups of(const std::vector<std::int64_t>& cases) const;
  CaseGroups of(const CaseSpan& cases) const;

 private:
  std::vector<std::size_t> group_of_case_;
};

}  // namespace lensbench

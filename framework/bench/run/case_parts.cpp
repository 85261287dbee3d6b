#include "bench/run/case_parts.hpp"

#include <algorithm>
#include <cstddef>
#include <map>
#include <numeric>

namespace lensbench {
namespace {

/// Work of a case in tokens: a case that cannot be tokenized takes some time too.
std::int64_t work_of_case(const std::vector<std::int64_t>& tokens, std::int64_t index) {
  return std::max<std::int64_t>(1, tokens[static_cast<std::size_t>(index)]);
}

std::int64_t work_of_all(const std::vector<std::int64_t>& tokens) {
  std::int64_t sum = 0;
  for (std::int64_t i = 0; i < std::ssize(tokens); ++i) sum += work_of_case(tokens, i);
  return sum;
}

}  // namespace

/// The end of share k is the one that is nearest to k / count of all tokens, but for the cases that
/// the later shares need to have one each.
std::vector<CaseSpan> shares_of(const std::vector<std::int64_t>& tokens, std::int64_t count) {
  const std::int64_t cases = std::ssize(tokens);
  const auto all = static_cast<double>(work_of_all(tokens));
  std::vector<CaseSpan> shares;
  std::int64_t end = 0;
  double sum = 0;
  for (std::int64_t share = 1; share <= count; ++share) {
    const std::int64_t first = end, last = cases - (count - share);
    const double target = all * static_cast<double>(share) / static_cast<double>(count);
    const auto next = [&] { return static_cast<double>(work_of_case(tokens, end)); };
    do {
      sum += next();
      ++end;
    } while (end < last && (share == count || sum + next() / 2 <= target));
    shares.push_back({first, end});
  }
  return shares;
}

std::vector<std::vector<std::int64_t>> blocks_of(const CaseGroups& groups,
                                                 const std::vector<std::int64_t>& tokens,
                                                 std::int64_t processes, std::int64_t cases) {
  const std::int64_t all = std::ssize(tokens);
  const std::int64_t size =
      std::clamp<std::int64_t>(cases > 0 ? cases : all / (processes * 150), 1, kMostBlockCases);
  // A block has about the tokens of `size` average cases.
  const double most_work = static_cast<double>(work_of_all(tokens)) * static_cast<double>(size) /
                           static_cast<double>(std::max<std::int64_t>(1, all));
  std::vector<std::vector<std::int64_t>> blocks;
  double work = 0;
  for (const auto& group : groups) {
    const bool full = blocks.empty() || work >= most_work ||
                      std::ssize(blocks.back()) + std::ssize(group) > kMostBlockCases;
    if (full) {
      blocks.emplace_back();
      work = 0;
    }
    blocks.back().insert(blocks.back().end(), group.begin(), group.end());
    for (const std::int64_t index : group) work += static_cast<double>(work_of_case(tokens, index));
  }
  return blocks;
}

CaseGroups apart(const CaseGroups& groups, const std::set<std::int64_t>& first) {
  CaseGroups begin, rest;
  for (const auto& group : groups)
    for (const std::int64_t index : group)
      (first.contains(index) ? begin : rest).push_back({index});
  begin.insert(begin.end(), rest.begin(), rest.end());
  return begin;
}

GroupsOfParts::GroupsOfParts(const CaseGroups& groups) {
  for (std::size_t group = 0; group < groups.size(); ++group)
    for (const std::int64_t index : groups[group]) {
      const auto place = static_cast<std::size_t>(index);
      if (group_of_case_.size() <= place) group_of_case_.resize(place + 1);
      group_of_case_[place] = group;
    }
}

CaseGroups GroupsOfParts::of(const std::vector<std::int64_t>& cases) const {
  CaseGroups groups;
  std::map<std::size_t, std::size_t> known;  // number of a group -> its place in `groups`
  for (const std::int64_t index : cases) {
    const auto [found, is_new] =
        known.emplace(group_of_case_.at(static_cast<std::size_t>(index)), groups.size());
    if (is_new) groups.emplace_back();
    groups[found->second].push_back(index);
  }
  return groups;
}

CaseGroups GroupsOfParts::of(const CaseSpan& cases) const {
  std::vector<std::int64_t> list(static_cast<std::size_t>(cases.end - cases.first));
  std::iota(list.begin(), list.end(), cases.first);
  return of(list);
}

}  // namespace lensbench

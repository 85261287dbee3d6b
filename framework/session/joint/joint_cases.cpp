#include "session/joint/joint_cases.hpp"

#include <cstddef>

namespace lensbench {

/// All shards divide the plan in the same way, and each takes its own share.
void ShardCases::begin(const CaseGroups& groups) {
  range_ = shares_of(tokens_, shard_.count)[static_cast<std::size_t>(shard_.number - 1)];
  const CaseGroups own = GroupsOfParts(groups).of(range_);
  const auto suspects = run_.begin(range_);
  share_.begin(suspects.empty() ? own : apart(own, suspects));
}

}  // namespace lensbench

#include "session/joint/joint_cases.hpp"

#include <cstddef>

namespace lensbench {

/// All shards divide the plan in the same way, and each takes its own share.
void ShardCases::begin(const CaseGroups& groups) {
  range_ = shares_of(tokens_, shard_.count)[static_cast<std::size_t>(shard_.number - 1)];
  share_.begin(GroupsOfParts(groups).of(range_));
  run_.begin(range_);
}

}  // namespace lensbench

#pragma once

#include <cstdint>
#include <string>

namespace lensbench {

/// One of several parts of a run, each of which an ordinary process computes.
struct Shard {
  std::int64_t number = 1, count = 1;  ///< the first has the number 1
  /// `7/200`
  std::string text() const { return std::to_string(number) + "/" + std::to_string(count); }
};

/// Reads `7/200`. \throws UsageError for another text, and for a number that is not one of 1 to
/// `count`
Shard parse_shard(const std::string& text);

/// \throws UsageError if a run of so many cases does not have so many shards
void check_shard(const Shard& shard, std::int64_t cases);

}  // namespace lensbench

#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace lensbench {

/// Content of `model.safetensors.index.json`: the shard of each tensor.
struct ShardIndex {
  std::map<std::string, std::string, std::less<>> shard_of;  ///< tensor -> file name
  std::vector<std::string> shards;                           ///< unique file names, sorted
  std::optional<std::uint64_t> total_bytes;                  ///< `metadata.total_size` if present
};

/// Reads an index.
/// \throws InputError unless all shards are files of the same directory; a link to a file outside
/// is
///   refused, except in the hub cache for files in the folder of the repository
ShardIndex read_shard_index(const std::filesystem::path& path);

}  // namespace lensbench

#pragma once

#include <cstdint>
#include <filesystem>
#include <lensbench/export.hpp>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace lensbench {

/// `model.safetensors.index.json`: which shard holds which tensor.
struct ShardIndex {
  std::map<std::string, std::string, std::less<>> shard_of;  ///< tensor -> file name
  std::vector<std::string> shards;                           ///< file names, sorted, each once
  std::optional<std::uint64_t> total_bytes;                  ///< `metadata.total_size`, if stated
};

/// \throws InputError for anything but file names of this directory as shards: no folders, no links
///   that lead out of it (those of the hub cache, which stay in the repository's folder, are fine)
LENSBENCH_API ShardIndex read_shard_index(const std::filesystem::path& path);

}  // namespace lensbench

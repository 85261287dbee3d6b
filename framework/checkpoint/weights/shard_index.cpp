#include "checkpoint/weights/shard_index.hpp"

#include <cmath>
#include <lensbench/error.hpp>
#include <set>

#include "core/text/json.hpp"
#include "core/text/printable.hpp"

// Index of a checkpoint in several files. Its names come from a file of somebody else: a shard must
// not be a way to open another file of the user, whether by a path or by a link.

namespace lensbench {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// The index of a model with many experts has some megabytes.
constexpr std::size_t kMaxIndexBytes = 64 << 20;

void check_shard_name(const std::string& name, const fs::path& index) {
  const bool plain = name.find('/') == std::string::npos && name.find('\\') == std::string::npos &&
                     name.find('\0') == std::string::npos && name != "..";
  if (!plain || !name.ends_with(".safetensors"))
    throw InputError(index.string() + ": weight_map names the shard '" + printable(name) +
                     "'; expected the name of a .safetensors file in the same folder");
}

/// Whether a path is inside of a folder; both must be canonical.
bool is_below(const fs::path& path, const fs::path& folder) {
  const auto relative = path.lexically_relative(folder);
  return !relative.empty() && *relative.begin() != "..";
}

/// Whether a path is a file of a hub cache: `models--org--name/blobs/<hash>`, or, where the file
/// system lacks links, `models--org--name/snapshots/<hash>/<name>`.
bool is_in_hub_cache(const fs::path& path) {
  const fs::path folder = path.parent_path(), outer = folder.parent_path();
  const auto is_repository = [](const fs::path& place) {
    return place.filename().string().starts_with("models--");
  };
  return (folder.filename() == "blobs" && is_repository(outer)) ||
         (outer.filename() == "snapshots" && is_repository(outer.parent_path()));
}

/// Checks the target of a shard that is a link: it must be in the folder of the shard, in the
/// repository of a snapshot (`models--org--name/snapshots/<hash>`), or a file of a hub cache, to
/// which folders link that `hf download --local-dir` or a user made.
void check_shard_path(const fs::path& shard, const fs::path& index) {
  std::error_code error;
  const auto folder = fs::canonical(shard.parent_path(), error);
  const auto target = fs::canonical(shard, error);
  if (error)
    throw InputError(index.string() + ": weight_map names the shard " + shard.filename().string() +
                     ", which does not exist; fetch the checkpoint again");
  // Files of a snapshot are links to `../../blobs`, so the whole repository counts as their folder.
  const bool cached = folder.parent_path().filename() == "snapshots";
  const auto home = cached ? folder.parent_path().parent_path() : folder;
  if (!is_below(target, home) && !is_in_hub_cache(target))
    throw InputError(index.string() + ": the shard " + shard.filename().string() +
                     " is a link to a file outside its folder (" + target.string() +
                     "), which is not in a hub cache either; replace the link by the file itself");
}

std::optional<std::uint64_t> stated_total(const json& index, const fs::path& path) {
  const auto metadata = index.find("metadata");
  if (metadata == index.end() || !metadata->is_object()) return std::nullopt;
  const auto total = metadata->find("total_size");
  if (total == metadata->end()) return std::nullopt;
  // Some programs write total_size as a floating-point number; 9e15 is below 2^53, where every
  // whole number is exact.
  const double value = total->is_number() ? total->get<double>() : -1.0;
  if (value < 0 || value > 9e15 || value != std::floor(value))
    throw InputError(path.string() + ": metadata.total_size is " + printable(total->dump()) +
                     "; expected a number of bytes");
  return static_cast<std::uint64_t>(value);
}

}  // namespace

/// Each shard is checked once, however many tensors it has.
ShardIndex read_shard_index(const fs::path& path) {
  const json index = read_json(path, {.max_bytes = kMaxIndexBytes, .max_depth = 8});
  const auto map = index.is_object() ? index.find("weight_map") : index.end();
  if (!index.is_object() || map == index.end() || !map->is_object() || map->empty())
    throw InputError(path.string() + ": weight_map from tensor names to shards is missing");
  ShardIndex result;
  std::set<std::string> shards;
  for (const auto& [tensor, shard] : map->items()) {
    if (!shard.is_string())
      throw InputError(path.string() + ": weight_map: '" + printable(tensor) + "' is " +
                       printable(shard.dump()) + "; expected a file name");
    const auto& name = shard.get_ref<const std::string&>();
    if (shards.insert(name).second) {
      check_shard_name(name, path);
      check_shard_path(path.parent_path() / name, path);
    }
    result.shard_of.emplace(tensor, name);
  }
  result.shards.assign(shards.begin(), shards.end());
  result.total_bytes = stated_total(index, path);
  return result;
}

}  // namespace lensbench

#include "checkpoint/checkpoint.hpp"

#include <lensbench/error.hpp>

#include "checkpoint/weights/foreign_weights.hpp"
#include "checkpoint/weights/shard_index.hpp"
#include "core/text/json.hpp"
#include "core/text/printable.hpp"

namespace lensbench {
namespace {

namespace fs = std::filesystem;

nlohmann::json read_object(const fs::path& path) {
  auto value = read_json(path);
  if (!value.is_object())
    throw InputError(path.string() + ": expected a JSON object, found " + value.type_name());
  return value;
}

/// Checks that the index and a shard agree on the tensors of the shard.
void check_against_index(const ShardIndex& index, const std::string& shard,
                         const SafetensorsFile& file) {
  for (const auto& [name, entry] : file.entries()) {
    const auto stated = index.shard_of.find(name);
    if (stated == index.shard_of.end())
      throw InputError(file.path().string() + ": tensor '" + name +
                       "' is missing in the index; fetch the checkpoint again");
    if (stated->second != shard)
      throw InputError(file.path().string() + ": tensor '" + name +
                       "' is in another shard of the index (" + stated->second +
                       "); fetch the checkpoint again");
  }
  for (const auto& [name, owner] : index.shard_of)
    if (owner == shard && !file.entries().count(name))
      throw InputError(file.path().string() + ": tensor '" + printable(name) +
                       "' is missing, but the index lists it for this file; fetch the checkpoint "
                       "again");
}

}  // namespace

Checkpoint::Checkpoint(fs::path directory) : directory_(std::move(directory)) {
  std::error_code error;
  if (!fs::is_directory(directory_, error))
    throw InputError(directory_.string() + ": model directory not found");
  if (!fs::exists(config_path(), error)) {
    const bool weights = fs::exists(directory_ / "model.safetensors", error) ||
                         fs::exists(directory_ / "model.safetensors.index.json", error);
    throw InputError(weights || !holds_foreign_weights(directory_)
                         ? directory_.string() +
                               ": config.json is missing; expected a Hugging Face model directory"
                         : explain_missing_weights(directory_, nullptr));
  }
  config_ = read_object(config_path());
  files_.push_back({"config", config_path()});
  reject_quantized(config_, config_path());
  if (const auto path = directory_ / "generation_config.json"; fs::exists(path, error)) {
    generation_config_ = read_object(path);
    files_.push_back({"generation_config", path});
  }
  open_weights();
}

void Checkpoint::open_weights() {
  const auto single = directory_ / "model.safetensors";
  const auto index = directory_ / "model.safetensors.index.json";
  std::error_code error;
  // If both exist, the single file has precedence over the index, as in transformers.
  if (fs::exists(single, error)) {
    open_single(single);
  } else if (fs::exists(index, error)) {
    open_sharded(index);
  } else {
    throw InputError(explain_missing_weights(directory_, config_));
  }
}

void Checkpoint::open_single(const fs::path& weights) {
  shards_.emplace_back(weights);
  files_.push_back({"weights", weights});
  for (const auto& [name, entry] : shards_.front().entries()) owner_.emplace(name, 0);
}

void Checkpoint::open_sharded(const fs::path& path) {
  const ShardIndex index = read_shard_index(path);
  files_.push_back({"weights_index", path});
  for (const auto& shard : index.shards) {
    const auto number = shards_.size();
    shards_.emplace_back(directory_ / shard);
    check_against_index(index, shard, shards_.back());
    files_.push_back({"weights", directory_ / shard});
    for (const auto& [name, entry] : shards_.back().entries()) owner_.emplace(name, number);
  }
  if (index.total_bytes && *index.total_bytes != weight_bytes())
    throw InputError(
        path.string() + ": metadata.total_size is " + std::to_string(*index.total_bytes) +
        ", but the tensors have " + std::to_string(weight_bytes()) +
        " bytes; fetch the checkpoint again, or remove total_size if you know that it is wrong");
}

const SafetensorsFile& Checkpoint::file_with(std::string_view name) const {
  const auto found = owner_.find(name);
  if (found == owner_.end())
    throw InputError(directory_.string() + ": tensor '" + printable(name) + "' is missing");
  return shards_[found->second];
}

at::Tensor Checkpoint::tensor(std::string_view name) const {
  return file_with(name).tensor(name);
}

const SafetensorsEntry& Checkpoint::entry(std::string_view name) const {
  return file_with(name).entries().find(name)->second;
}

std::vector<std::string> Checkpoint::names() const {
  std::vector<std::string> names;
  names.reserve(owner_.size());
  for (const auto& [name, shard] : owner_) names.push_back(name);
  return names;
}

std::uint64_t Checkpoint::weight_bytes() const {
  std::uint64_t bytes = 0;
  for (const auto& shard : shards_)
    for (const auto& [name, entry] : shard.entries()) bytes += entry.end - entry.begin;
  return bytes;
}

std::vector<ModelFile> Checkpoint::files() const {
  return files_;
}

}  // namespace lensbench

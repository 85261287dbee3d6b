#include "checkpoint/checkpoint.hpp"

#include <lensbench/error.hpp>

#include "checkpoint/weights/foreign_weights.hpp"
#include "checkpoint/weights/shard_index.hpp"
#include "core/text/json.hpp"
#include "core/text/printable.hpp"

// A model directory of Hugging Face. Faults of the files are found here, with the names of the
// files; whether the model is supported is the matter of the families.

namespace lensbench {
namespace {

namespace fs = std::filesystem;

nlohmann::json read_object(const fs::path& path) {
  auto value = read_json(path);
  if (!value.is_object())
    throw InputError(path.string() + ": expected a JSON object, found " + value.type_name());
  return value;
}

}  // namespace

namespace {

[[noreturn]] void throw_no_config(const fs::path& directory) {
  std::error_code error;
  if (const std::string adapter = explain_adapter(directory); !adapter.empty())
    throw InputError(adapter);
  const bool weights = fs::exists(directory / "model.safetensors", error) ||
                       fs::exists(directory / "model.safetensors.index.json", error);
  throw InputError(weights || !has_foreign_weights(directory)
                       ? directory.string() +
                             ": config.json is missing; expected a Hugging Face model directory"
                       : explain_missing_weights(directory, nullptr));
}

}  // namespace

/// The configuration comes first: without it the weights cannot be used. A folder that lacks it
/// gets the message that fits its content.
Checkpoint::Checkpoint(fs::path directory) : directory_(std::move(directory)) {
  std::error_code error;
  if (!fs::is_directory(directory_, error))
    throw InputError(directory_.string() + ": model directory not found");
  if (!fs::exists(config_path(), error)) throw_no_config(directory_);
  config_ = read_object(config_path());
  files_.push_back({"config", config_path()});
  // Before the weights are opened, since the layout of quantized tensors differs.
  quantization_ = read_quantization(config_, config_path());
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
  } else if (const fs::path gguf = gguf_file(directory_); !gguf.empty()) {
    open_gguf(gguf);
  } else {
    throw InputError(explain_missing_weights(directory_, config_));
  }
  if (const auto adapter = directory_ / "adapter_config.json"; fs::exists(adapter, error))
    notes_.push_back(adapter.string() +
                     ": describes an adapter, which is not applied; the weights are those of the "
                     "whole model in this folder");
}

void Checkpoint::open_single(const fs::path& weights) {
  shards_.emplace_back(weights);
  files_.push_back({"weights", weights});
  for (const auto& [name, entry] : shards_.front().entries()) owner_.emplace(name, 0);
}

/// The file decides how its weights are quantized; config.json is that of the model from which it
/// was made.
void Checkpoint::open_gguf(const fs::path& file) {
  gguf_ = std::make_shared<GgufWeights>(file, config_);
  files_.push_back({"weights", file});
  for (const auto& [name, entry] : gguf_->entries()) owner_.emplace(name, 0);
  quantization_.reset();
  if (!gguf_->has_blocks()) return;
  quantization_ = Quantization{};
  quantization_->method = Quantization::Method::gguf;
  quantization_->name = "gguf";
  quantization_->place = file.string();
}

/// Opens all shards and compares them with the index. Contradictions that do not change a tensor
/// are notes, since published checkpoints have them.
void Checkpoint::open_sharded(const fs::path& path) {
  const ShardIndex index = read_shard_index(path);
  files_.push_back({"weights_index", path});
  for (const auto& shard : index.shards) {
    const auto number = shards_.size();
    shards_.emplace_back(directory_ / shard);
    files_.push_back({"weights", directory_ / shard});
    for (const auto& [name, entry] : shards_.back().entries()) {
      // The shards decide what there is. The index decides only between two shards with one name.
      const auto stated = index.shard_of.find(name);
      const bool here = stated != index.shard_of.end() && stated->second == shard;
      if (!owner_.emplace(name, number).second && here) owner_[name] = number;
    }
  }
  for (const auto& [name, shard] : index.shard_of)
    if (!has(name))
      notes_.push_back(path.string() + ": lists tensor '" + printable(name) + "' for " + shard +
                       ", which does not hold it");
  if (index.total_bytes && *index.total_bytes != weight_bytes())
    notes_.push_back(path.string() + ": metadata.total_size is " +
                     std::to_string(*index.total_bytes) + ", but the tensors have " +
                     std::to_string(weight_bytes()) + " bytes");
}

/// The shard that has a tensor; every access to a tensor goes through here.
const SafetensorsFile& Checkpoint::file_with(std::string_view name) const {
  const auto found = owner_.find(name);
  if (found == owner_.end())
    throw InputError(directory_.string() + ": tensor '" + printable(name) + "' is missing");
  return shards_[found->second];
}

at::Tensor Checkpoint::tensor(std::string_view name) const {
  if (gguf_) return gguf_->tensor(name);
  return file_with(name).tensor(name);
}

at::Tensor Checkpoint::bytes(std::string_view name) const {
  return file_with(name).bytes(name);
}

std::shared_ptr<const QuantizedMatrix> Checkpoint::blocks(std::string_view name) const {
  if (!gguf_)
    throw InputError(directory_.string() + ": tensor '" + printable(name) +
                     "' is not in a GGUF file");
  return gguf_->matrix(name);
}

const SafetensorsEntry& Checkpoint::entry(std::string_view name) const {
  if (gguf_ && has(name)) return gguf_->entries().find(name)->second;
  return file_with(name).entries().find(name)->second;
}

std::vector<std::string> Checkpoint::names() const {
  std::vector<std::string> names;
  names.reserve(owner_.size());
  for (const auto& [name, shard] : owner_) names.push_back(name);
  return names;
}

/// Sizes as stored, also of tensors that the model does not use.
std::uint64_t Checkpoint::weight_bytes() const {
  std::uint64_t bytes = 0;
  if (gguf_)
    for (const auto& [name, entry] : gguf_->entries()) bytes += entry.end - entry.begin;
  for (const auto& shard : shards_)
    for (const auto& [name, entry] : shard.entries()) bytes += entry.end - entry.begin;
  return bytes;
}

std::vector<ModelFile> Checkpoint::files() const {
  return files_;
}

}  // namespace lensbench

#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <lensbench/model_file.hpp>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/gguf/gguf_weights.hpp"
#include "checkpoint/quantized/quantization.hpp"
#include "checkpoint/weights/safetensors.hpp"

namespace lensbench {

/// A Hugging Face model directory: `config.json`, an optional `generation_config.json`, and the
/// weights in `model.safetensors`, in the shards of `model.safetensors.index.json`, or in a GGUF
/// file. This class checks the files; the model checks whether it supports the configuration.
class Checkpoint {
 public:
  /// \param directory  see `resolve_model_directory` for names
  /// \throws InputError for missing, malformed or contradictory files; for weights of another
  /// format
  ///   (pickled `.bin`, GGUF, quantized by a method that is not supported) the message has the
  ///   command that converts them. Pickles are never opened.
  explicit Checkpoint(std::filesystem::path directory);

  const std::filesystem::path& directory() const { return directory_; }
  std::filesystem::path config_path() const { return directory_ / "config.json"; }
  /// `config.json`, a JSON object. Read its fields through `ConfigReader`.
  const nlohmann::json& config() const { return config_; }
  /// `generation_config.json`, or null.
  const nlohmann::json& generation_config() const { return generation_config_; }

  /// How matrices are quantized; nullopt for plain weights.
  const std::optional<Quantization>& quantization() const { return quantization_; }

  bool has(std::string_view name) const { return owner_.find(name) != owner_.end(); }
  /// The tensor in its stored element type, a view of the file (`SafetensorsFile::tensor`).
  /// \throws InputError with directory and tensor if the tensor is missing
  at::Tensor tensor(std::string_view name) const;
  /// Bytes of a tensor of an element type that tensors do not have (`SafetensorsFile::bytes`).
  /// \throws InputError under the conditions of `tensor`
  at::Tensor bytes(std::string_view name) const;
  /// A matrix of blocks of a GGUF file. \throws InputError under the conditions of
  /// `GgufWeights::matrix`
  std::shared_ptr<const QuantizedMatrix> blocks(std::string_view name) const;
  /// Shape and element type of a tensor, without access to its data.
  /// \throws InputError under the conditions of `tensor`
  const SafetensorsEntry& entry(std::string_view name) const;
  /// Names of all tensors, sorted.
  std::vector<std::string> names() const;
  /// Total size of all tensors in bytes.
  std::uint64_t weight_bytes() const;

  /// Sentences about contradictions in the files that change no tensor.
  const std::vector<std::string>& notes() const { return notes_; }

  /// All files that were read, weights last.
  std::vector<ModelFile> files() const;

 private:
  void open_weights();
  void open_single(const std::filesystem::path& weights);
  void open_sharded(const std::filesystem::path& index);
  void open_gguf(const std::filesystem::path& file);
  const SafetensorsFile& file_with(std::string_view name) const;

  std::filesystem::path directory_;
  nlohmann::json config_, generation_config_;
  std::optional<Quantization> quantization_;
  std::vector<ModelFile> files_;
  std::vector<std::string> notes_;
  std::vector<SafetensorsFile> shards_;
  std::shared_ptr<const GgufWeights> gguf_;                ///< in place of the shards
  std::map<std::string, std::size_t, std::less<>> owner_;  // tensor -> index into shards_
};

}  // namespace lensbench

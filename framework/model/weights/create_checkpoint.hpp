#pragma once

#include <c10/core/ScalarType.h>

#include <cstdint>
#include <filesystem>
#include <optional>

namespace lensbench {

struct NewCheckpoint {
  std::filesystem::path config;     ///< path of a `config.json` of any family
  std::filesystem::path directory;  ///< new directory, or an empty one
  std::uint64_t seed = 0;
  /// Element type of the weights; by default that of the configuration, else float32.
  std::optional<at::ScalarType> dtype;
};

struct CreatedCheckpoint {
  std::int64_t parameters = 0;
  std::uint64_t weight_bytes = 0;
};

/// Writes an untrained model like `save_pretrained`: `config.json` as given (with `dtype` and
/// `architectures` added if missing) and `model.safetensors`, initialised like the family's
/// reference in `transformers`. A failure leaves no directory.
///
/// Random numbers: element i of a tensor is number i of the Philox stream for that tensor's name,
/// so the bytes depend only on seed, names and shapes, not on threads or other tensors. \throws
/// InputError for a configuration that cannot be read or does not describe a model;
///   UsageError if the directory exists and is not empty; RunError if it cannot be written
CreatedCheckpoint create_checkpoint(const NewCheckpoint& request);

}  // namespace lensbench

#pragma once

#include <c10/core/ScalarType.h>

#include <cstdint>
#include <filesystem>
#include <lensbench/export.hpp>
#include <optional>

namespace lensbench {

struct NewCheckpoint {
  std::filesystem::path config;     ///< a `config.json` of any family
  std::filesystem::path directory;  ///< must not exist, or be an empty folder
  std::uint64_t seed = 0;
  /// Element type of the weights; by default what the configuration says, else float32.
  std::optional<at::ScalarType> dtype;
};

struct CreatedCheckpoint {
  std::int64_t parameters = 0;
  std::uint64_t weight_bytes = 0;
};

/// Writes an untrained model as `save_pretrained` would: `config.json` as given (with `dtype` and
/// `architectures` where it lacks them) and `model.safetensors`, filled as the family's reference
/// in `transformers` fills a new model. The directory is complete or not there.
///
/// Random numbers: element i of a tensor is the i-th of Philox's stream of that tensor's name, so
/// the bytes depend on seed, names and shapes alone; not on the number of threads, nor on which
/// other tensors there are.
/// \throws InputError for a configuration that cannot be read or made a model of; UsageError if the
///   directory is taken; RunError if it cannot be written
LENSBENCH_API CreatedCheckpoint create_checkpoint(const NewCheckpoint& request);

}  // namespace lensbench

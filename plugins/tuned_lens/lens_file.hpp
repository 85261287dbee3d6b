#pragma once

#include <lensbench/context.hpp>
#include <string>

#include "translators.hpp"

namespace lensbench::tuned {

/// A lens that was read, and what its file says of its model.
struct StoredLens {
  Translators translators;
  std::string base;         ///< name of the model that it was trained on; empty: not said
  std::string base_sha256;  ///< digest of that model, as `Context::record_model` makes it; or empty
  std::string tensors;      ///< file of the tensors, as `Context::record_file` takes it
  std::string config;       ///< file of the settings; empty for an archive
};

/// Reads `ARCHIVE.h5:results/NAME`, or a folder with `config.json` and `params.safetensors` (or the
/// latter file, next to which the former is).
/// \throws InputError for anything else, and for a lens of another width or number of layers
StoredLens read_lens(const Model& model, const std::string& source);

}  // namespace lensbench::tuned

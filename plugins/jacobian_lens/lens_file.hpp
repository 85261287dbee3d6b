#pragma once

#include <lensbench/context.hpp>
#include <string>

#include "fit.hpp"

namespace lensbench::jacobian {

/// A lens that was read, and what its file says of its model.
struct StoredLens {
  Jacobians jacobians;
  std::string base;         ///< name of the model that it was fitted to; empty: not said
  std::string base_sha256;  ///< digest of that model, as `Context::record_model` makes it; or empty
};

/// Reads `ARCHIVE.h5:results/NAME`, or a safetensors file with a matrix `J.l` for each block l.
/// \throws InputError for anything else, and for a lens of another width or number of blocks
StoredLens read_lens(const Model& model, const std::string& source);

}  // namespace lensbench::jacobian

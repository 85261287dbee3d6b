#pragma once

#include <filesystem>
#include <string>

namespace lensbench {

/// A file from which a model was read.
struct ModelFile {
  std::string role;  ///< `config`, `weights`, `weights_index`, `tokenizer`, `generation_config`
  std::filesystem::path path;  ///< path that was opened
};

}  // namespace lensbench

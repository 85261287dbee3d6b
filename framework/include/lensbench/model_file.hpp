#pragma once

#include <filesystem>
#include <string>

namespace lensbench {

/// A file a model was read from.
struct ModelFile {
  std::string role;  ///< `config`, `weights`, `weights_index`, `tokenizer`, `generation_config`
  std::filesystem::path path;  ///< as it was opened
};

}  // namespace lensbench

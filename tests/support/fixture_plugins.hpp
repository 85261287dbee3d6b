#pragma once

#include <filesystem>
#include <fstream>
#include <string>

#include "support/folders.hpp"
#include "support/temp_dir.hpp"

namespace lensbench::testing {

/// A library of tests/fixtures/plugins as it was built.
inline std::filesystem::path fixture(const std::string& name) {
  return std::filesystem::path(build_folder()) / "lib" / "fixtures" / (name + ".so");
}

/// A copy of it in a folder of which the test knows who may write it.
inline std::filesystem::path place(const TempDir& directory, const std::string& name,
                                   const std::string& file = "") {
  const auto to = directory / (file.empty() ? name + ".so" : file);
  std::filesystem::copy_file(fixture(name), to, std::filesystem::copy_options::overwrite_existing);
  return to;
}

/// A copy followed by bytes that no other copy has: a process loads equal bytes once.
inline std::filesystem::path place_new(const TempDir& directory, const std::string& name,
                                       const std::string& file = "") {
  const auto to = place(directory, name, file);
  std::ofstream(to, std::ios::binary | std::ios::app) << to.string();
  return to;
}

}  // namespace lensbench::testing

#pragma once

#include <filesystem>
#include <string>

#include "support/folders.hpp"

namespace lensbench::testing {

/// A small Qwen2.5-VL checkpoint with tokenizer and chat template, and pictures
/// (tests/parity/picture_prompt_reference.py).
inline std::string picture_data() {
  return data_folder() + "/picture_prompts";
}
inline std::string picture_model() {
  return picture_data() + "/model";
}
/// `odd.png` is 61 x 45; `turned.jpg` is stored as 110 x 70 with the orientation 6.
inline std::string picture(const std::string& name) {
  return picture_data() + "/pictures/" + name;
}

/// Copies a folder of test data, whose files are writable in the copy.
inline void copy_data(const std::filesystem::path& from, const std::filesystem::path& to) {
  std::filesystem::copy(from, to, std::filesystem::copy_options::recursive);
  using std::filesystem::perms;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(to))
    std::filesystem::permissions(entry, perms::owner_write, std::filesystem::perm_options::add);
}

}  // namespace lensbench::testing

#pragma once

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "support/folders.hpp"

namespace lensbench::testing {

/// Names of the sample checkpoints, the folders of tests/data/models, in order.
inline std::vector<std::string> sample_models() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(data_folder() + "/models"))
    names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace lensbench::testing

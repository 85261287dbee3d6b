#pragma once

#include <algorithm>
#include <filesystem>
#include <lensbench/model.hpp>
#include <memory>
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

/// Folder of a small checkpoint in tests/data/models, which tests/parity/make_samples.py wrote.
inline std::string sample_folder(const std::string& name) {
  return data_folder() + "/models/" + name;
}

/// The model of `sample_folder`, opened in its own type.
inline std::shared_ptr<const Model> sample(const std::string& name) {
  return Model::open(sample_folder(name));
}

}  // namespace lensbench::testing

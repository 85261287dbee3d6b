#pragma once

#include <lensbench/model.hpp>
#include <memory>
#include <string>

#include "support/folders.hpp"

namespace lensbench::testing {

/// Folder of a small checkpoint in tests/data/models, which tests/parity/make_samples.py wrote.
inline std::string sample_folder(const std::string& name) {
  return data_folder() + "/models/" + name;
}

/// The model of `sample_folder`, opened in its own type.
inline std::shared_ptr<const Model> sample(const std::string& name) {
  return Model::open(sample_folder(name));
}

}  // namespace lensbench::testing

#pragma once

#include <ATen/core/Tensor.h>

#include <fstream>
#include <lensbench/error.hpp>
#include <lensbench/model.hpp>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "checkpoint/weights/safetensors.hpp"
#include "support/error_matchers.hpp"
#include "support/folders.hpp"
#include "support/temp_dir.hpp"

namespace lensbench::testing {

/// A committed sample, changed before it is opened.
class ChangedCheckpoint {
 public:
  explicit ChangedCheckpoint(const std::string& name) {
    const std::string from = data_folder() + "/models/" + name;
    config = nlohmann::json::parse(std::ifstream(from + "/config.json"));
    const SafetensorsFile file(from + "/model.safetensors");
    for (const auto& [tensor, entry] : file.entries()) tensors[tensor] = file.tensor(tensor);
  }

  /// \return the directory
  std::string write() const {
    directory_.write("config.json", config.dump());
    write_safetensors(directory_ / "model.safetensors", tensors, {{"format", "pt"}});
    return directory_.path().string();
  }
  std::shared_ptr<const Model> open(const ModelOptions& options = {}) const {
    return Model::open(write(), options);
  }
  std::shared_ptr<const Model> open_with(const std::string& tokenizer) const {
    directory_.write("tokenizer.json", tokenizer);
    return open();
  }
  std::string fault() const {
    return message_of<InputError>([&] { open(); });
  }

  nlohmann::json config;
  std::map<std::string, at::Tensor> tensors;

 private:
  lensbench::testing::TempDir directory_;
};

}  // namespace lensbench::testing

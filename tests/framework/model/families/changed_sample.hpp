#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/allclose.h>

#include <fstream>
#include <lensbench/error.hpp>
#include <lensbench/model.hpp>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "checkpoint/weights/safetensors.hpp"
#include "support/error_matchers.hpp"
#include "support/folders.hpp"
#include "support/temp_dir.hpp"

namespace lensbench {

/// A committed sample, changed before it is opened.
class ChangedSample {
 public:
  explicit ChangedSample(const std::string& name)
      : sample_(testing::data_folder() + "/models/" + name) {
    config = nlohmann::json::parse(std::ifstream(sample_ + "/config.json"));
    const SafetensorsFile file(sample_ + "/model.safetensors");
    for (const auto& [tensor, entry] : file.entries()) tensors[tensor] = file.tensor(tensor);
  }

  std::shared_ptr<const Model> open() const {
    folder_.write("config.json", config.dump());
    write_safetensors(folder_ / "model.safetensors", tensors, {{"format", "pt"}});
    return Model::open(folder_.path().string());
  }
  std::string fault() const {
    return testing::message_of<InputError>([&] { open(); });
  }

  /// Whether the sample's logits in transformers are this model's too, to the rounding of float32.
  bool is_unchanged() const {
    const SafetensorsFile expected(sample_ + "/expected.safetensors");
    const at::Tensor logits = open()->forward({expected.tensor("ids"), {}}).logits;
    return at::allclose(logits, expected.tensor("logits"), 5e-5, 5e-5);
  }

  void rename(const std::string& from, const std::string& to) {
    std::map<std::string, at::Tensor> renamed;
    for (auto& [name, tensor] : tensors) {
      std::string changed = name;
      if (const auto at = changed.find(from); at != changed.npos)
        changed.replace(at, from.size(), to);
      renamed[changed] = tensor;
    }
    tensors = std::move(renamed);
  }

  nlohmann::json config;
  std::map<std::string, at::Tensor> tensors;

 private:
  std::string sample_;
  testing::TempDir folder_;
};

}  // namespace lensbench

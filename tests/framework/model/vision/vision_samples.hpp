#pragma once

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <lensbench/model.hpp>
#include <memory>
#include <ostream>
#include <set>
#include <string>
#include <vector>

#include "checkpoint/weights/safetensors.hpp"
#include "support/folders.hpp"

namespace lensbench::testing {

/// Folder of checkpoints with expected.safetensors (tests/parity/vision_reference.py).
inline std::filesystem::path vision_models() {
  const char* given = std::getenv("LENSBENCH_TEST_VISION_MODELS");
  return given == nullptr ? data_folder() + "/vision_models" : std::string(given);
}

/// Numbers from -1 to 1, those of `pixel_rows` in vision_reference.py.
inline at::Tensor made_rows(std::int64_t first, std::int64_t patches, std::int64_t values) {
  const at::Tensor i = at::arange(first, first + patches, at::kLong).unsqueeze(1);
  const at::Tensor j = at::arange(values, at::kLong).unsqueeze(0);
  return (i * 31 + j * 17 + i * j).remainder(97).to(at::kDouble).div(48).sub(1).to(at::kFloat);
}

/// One prompt of a checkpoint and what transformers computes with it.
class VisionSample {
 public:
  VisionSample(std::string model, std::string name)
      : model_(std::move(model)),
        name_(std::move(name)),
        expected_(std::make_shared<SafetensorsFile>(directory() / "expected.safetensors")) {}

  std::filesystem::path directory() const { return vision_models() / model_; }
  const std::string& name() const { return name_; }
  bool has(const std::string& value) const {
    return expected_->entries().contains(name_ + "." + value);
  }
  at::Tensor expected(const std::string& value) const {
    return expected_->tensor(name_ + "." + value).clone();
  }

  /// The prompt with its pictures.
  Tokens tokens(const VisionSpec& spec) const {
    Tokens tokens;
    const at::Tensor ids = expected("input_ids");
    tokens.ids.assign(ids.data_ptr<std::int64_t>(), ids.data_ptr<std::int64_t>() + ids.numel());
    if (!has("grids")) return tokens;
    const at::Tensor grids = expected("grids");
    std::int64_t first = 0;
    for (std::int64_t i = 0; i < grids.size(0); ++i) {
      PictureRows picture;
      picture.frames = grids[i][0].item<std::int64_t>();
      picture.height = grids[i][1].item<std::int64_t>();
      picture.width = grids[i][2].item<std::int64_t>();
      const std::int64_t patches = picture.frames * picture.height * picture.width;
      picture.rows = has("pixel_rows") ? expected("pixel_rows").narrow(0, first, patches)
                                       : made_rows(first, patches, spec.patch_values());
      first += patches;
      tokens.pictures.push_back(picture);
    }
    return tokens;
  }

  friend std::ostream& operator<<(std::ostream& out, const VisionSample& sample) {
    return out << sample.model_ << "/" << sample.name_;
  }

 private:
  std::string model_, name_;
  std::shared_ptr<const SafetensorsFile> expected_;
};

/// All prompts of all checkpoints.
inline std::vector<VisionSample> vision_samples() {
  std::vector<VisionSample> samples;
  std::set<std::string> models;
  for (const auto& entry : std::filesystem::directory_iterator(vision_models()))
    models.insert(entry.path().filename().string());
  for (const std::string& model : models) {
    std::set<std::string> cases;
    const SafetensorsFile file(vision_models() / model / "expected.safetensors");
    for (const auto& [name, entry] : file.entries()) cases.insert(name.substr(0, name.find('.')));
    for (const std::string& name : cases) samples.emplace_back(model, name);
  }
  return samples;
}

}  // namespace lensbench::testing

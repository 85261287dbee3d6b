#include "model/weights/weight_versions.hpp"

#include <utility>

#include "model/weights/visit_weights.hpp"

namespace lensbench {

WeightVersions::WeightVersions(ModelWeights weights) {
  const auto add_part = [&](const auto& visit) {
    std::vector<at::Tensor> tensors;
    // Tensors that were made in inference mode do not have a counter.
    visit([&](at::Tensor& tensor) {
      if (!tensor.is_inference()) tensors.push_back(tensor);
    });
    const std::uint64_t version = version_of(tensors);
    parts_.push_back({std::move(tensors), version});
  };
  add_part([&](const VisitWeight& visit) { visit_outside_blocks(weights, visit); });
  for (BlockWeights& block : weights.blocks)
    add_part([&](const VisitWeight& visit) { visit_block(block, visit); });
  add_part([&](const VisitWeight& visit) { visit_tower(weights.tower, visit); });
}

std::uint64_t WeightVersions::version_of(const std::vector<at::Tensor>& tensors) {
  std::uint64_t sum = 0;
  for (const at::Tensor& tensor : tensors) sum += static_cast<std::uint64_t>(tensor._version());
  return sum;
}

std::string WeightVersions::name_of(std::size_t part) const {
  if (part == 0) return "embedding, final norm or unembedding";
  if (part + 1 == parts_.size()) return "vision tower";
  return "block " + std::to_string(part - 1);
}

std::vector<std::string> WeightVersions::changed_parts() const {
  std::vector<std::string> names;
  for (std::size_t part = 0; part < parts_.size(); ++part)
    if (version_of(parts_[part].tensors) != parts_[part].version) names.push_back(name_of(part));
  return names;
}

std::vector<std::string> changed_parts_of(const Model& model) {
  const auto* lending = dynamic_cast<const LendsWeights*>(&model);
  return lending == nullptr ? std::vector<std::string>() : lending->changed_parts();
}

}  // namespace lensbench

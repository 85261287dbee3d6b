#include "grading/run/shuffled_model.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>

#include <lensbench/error.hpp>
#include <lensbench/random.hpp>
#include <lensbench/weight_changes.hpp>
#include <string>
#include <vector>

namespace lensbench::grading {
namespace {

constexpr std::uint64_t kShuffleStream = 1901;

/// Fisher and Yates.
at::Tensor permuted(const at::Tensor& weight, Philox& random) {
  at::Tensor copy = weight.to(at::kFloat).contiguous().clone();
  float* values = copy.data_ptr<float>();
  for (std::int64_t i = copy.numel() - 1; i > 0; --i)
    std::swap(values[i], values[random.below(static_cast<std::uint64_t>(i) + 1)]);
  return copy;
}

/// Names of the weights of the blocks and of the vocabulary that a model may have.
std::vector<std::string> matrix_names(const TransformerSpec& spec) {
  std::vector<std::string> names;
  if (spec.position == PositionKind::learned) names.emplace_back("embed.W_E");
  for (std::int64_t layer = 0; layer < spec.n_layers; ++layer) {
    const std::string block = "blocks." + std::to_string(layer) + ".";
    for (const char* name :
         {"attn.W_Q", "attn.W_K", "attn.W_V", "attn.W_O", "mlp.W_in", "mlp.W_out"})
      names.push_back(block + name);
    if (spec.mlp.gated) names.push_back(block + "mlp.W_gate");
  }
  if (!spec.tied_unembedding) names.emplace_back("unembed.W_U");
  return names;
}

}  // namespace

std::shared_ptr<const Model> shuffled_model(const std::shared_ptr<const Model>& model,
                                            std::uint64_t seed) {
  Philox random(seed, kShuffleStream);
  std::vector<WeightChange> changes;
  const auto names = matrix_names(model->spec());
  changes.reserve(names.size());
  for (const std::string& name : names)
    changes.push_back({name, permuted(model->weight(name), random)});
  return with_weights(model, changes);
}

}  // namespace lensbench::grading

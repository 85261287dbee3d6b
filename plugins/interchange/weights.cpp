#include "weights.hpp"

#include <ATen/ops/tensor.h>

#include <lensbench/random.hpp>
#include <lensbench/weight_changes.hpp>
#include <string>
#include <vector>

#include "common/folds.hpp"

namespace lensbench::interchange {
namespace {

/// Matrices of a block, in a fixed order.
std::vector<std::string> matrices_of(const TransformerSpec& spec, std::int64_t block) {
  const std::string prefix = "blocks." + std::to_string(block) + ".";
  std::vector<std::string> names;
  for (const char* name : {"W_Q", "W_K", "W_V", "W_O"}) names.push_back(prefix + "attn." + name);
  std::vector<std::string> parts = {prefix + "mlp."};
  if (spec.mlp.n_experts > 0) parts.clear();
  for (std::int64_t expert = 0; expert < spec.mlp.n_experts; ++expert)
    parts.push_back(prefix + "mlp.experts." + std::to_string(expert) + ".");
  if (spec.d_shared_expert > 0) parts.push_back(prefix + "mlp.shared_expert.");
  for (const std::string& part : parts) {
    names.push_back(part + "W_in");
    if (spec.mlp.gated) names.push_back(part + "W_gate");
    names.push_back(part + "W_out");
  }
  return names;
}

at::Tensor in_random_order(const at::Tensor& matrix, std::int64_t axis, Philox& random) {
  const at::Tensor order = at::tensor(shuffled(matrix.size(axis), random), at::kLong);
  return matrix.index_select(axis, order.to(matrix.device()));
}

}  // namespace

std::shared_ptr<const Model> with_random_weights(const std::shared_ptr<const Model>& model,
                                                 std::uint64_t seed, std::uint64_t stream) {
  Philox random(seed, stream);
  std::vector<WeightChange> changes;
  for (std::int64_t block = 0; block < model->spec().n_layers; ++block)
    for (const std::string& name : matrices_of(model->spec(), block)) {
      const at::Tensor rows = in_random_order(model->weight(name), -2, random);
      changes.push_back({name, in_random_order(rows, -1, random)});
    }
  return with_weights(model, changes);
}

}  // namespace lensbench::interchange

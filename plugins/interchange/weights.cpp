#include "weights.hpp"

#include <ATen/ops/tensor.h>

#include <lensbench/random.hpp>
#include <lensbench/weight_changes.hpp>
#include <string>
#include <vector>

#include "common/folds.hpp"

namespace lensbench::interchange {
namespace {

/// Names of the projections of attention.
std::vector<std::string> projections_of(const TransformerSpec& spec) {
  if (!spec.latent) return {"W_Q", "W_K", "W_V", "W_O"};
  std::vector<std::string> names = {"q_proj.W"};
  if (spec.latent->query_rank > 0) names = {"q_a_proj.W", "q_b_proj.W"};
  names.insert(names.end(), {"kv_a_proj_with_mqa.W", "kv_b_proj.W", "W_O"});
  return names;
}

/// Matrices of a block, in a fixed order.
std::vector<std::string> matrices_of(const TransformerSpec& spec, std::int64_t block) {
  const std::string prefix = "blocks." + std::to_string(block) + ".";
  std::vector<std::string> names;
  for (const std::string& name : projections_of(spec)) names.push_back(prefix + "attn." + name);
  const bool mixture = spec.is_mixture(block);
  std::vector<std::string> parts;
  if (!mixture) parts.push_back(prefix + "mlp.");
  for (std::int64_t expert = 0; mixture && expert < spec.mlp.n_experts; ++expert)
    parts.push_back(prefix + "mlp.experts." + std::to_string(expert) + ".");
  if (mixture && spec.d_shared_expert > 0) parts.push_back(prefix + "mlp.shared_expert.");
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

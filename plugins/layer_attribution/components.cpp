#include "components.hpp"

#include <ATen/TensorOperators.h>

#include <lensbench/error.hpp>

namespace lensbench::attribution {
namespace {

/// Hook points of the embeddings. A norm of their sum mixes them, so then its output is one
/// component.
std::vector<std::string> embedding_hooks(const TransformerSpec& spec) {
  if (spec.embedding_norm) return {"blocks.0.hook_resid_pre"};
  if (spec.position == PositionKind::learned) return {"hook_embed", "hook_pos_embed"};
  return {"hook_embed"};
}

std::string block_hook(std::int64_t layer, const std::string& name) {
  return "blocks." + std::to_string(layer) + "." + name;
}

const at::Tensor& activation(const Activations& activations, const std::string& name) {
  const auto found = activations.find(name);
  if (found == activations.end())
    throw RunError("layer_attribution: the forward lacks the activation '" + name + "'");
  return found->second;
}

}  // namespace

std::vector<std::string> component_hooks(const TransformerSpec& spec) {
  std::vector<std::string> hooks = embedding_hooks(spec);
  hooks.insert(hooks.end(),
               {"blocks.*.hook_resid_pre", "blocks.*.hook_attn_out", "blocks.*.hook_mlp_out",
                block_hook(spec.n_layers - 1, "hook_resid_post")});
  return hooks;
}

Components components(const TransformerSpec& spec, const Activations& activations) {
  static const char* const kEmbeddings[] = {"embed", "pos_embed"};
  Components result;
  const auto add = [&](std::string label, const std::string& hook) {
    result.labels.push_back(std::move(label));
    const at::Tensor& value = activation(activations, hook);
    result.written.push_back(value.dim() == 3 ? value[0] : value);
  };
  const std::vector<std::string> embeddings = embedding_hooks(spec);
  for (std::size_t i = 0; i < embeddings.size(); ++i) add(kEmbeddings[i], embeddings[i]);
  for (std::int64_t layer = 0; layer < spec.n_layers; ++layer) {
    add(std::to_string(layer) + "_attn_out", block_hook(layer, "hook_attn_out"));
    add(std::to_string(layer) + "_mlp_out", block_hook(layer, "hook_mlp_out"));
  }
  result.final_residual =
      activation(activations, block_hook(spec.n_layers - 1, "hook_resid_post"))[0];
  return result;
}

BlockActivations block_activations(const TransformerSpec& spec, const Activations& activations) {
  BlockActivations blocks;
  for (std::int64_t layer = 0; layer < spec.n_layers; ++layer) {
    blocks.resid_pre.push_back(activation(activations, block_hook(layer, "hook_resid_pre")));
    blocks.attn_out.push_back(activation(activations, block_hook(layer, "hook_attn_out")));
    blocks.mlp_out.push_back(activation(activations, block_hook(layer, "hook_mlp_out")));
  }
  return blocks;
}

at::Tensor absolute_sum(const Components& components) {
  at::Tensor sum = components.final_residual.to(at::kDouble) * 0.0;
  for (const at::Tensor& written : components.written) sum += written.to(at::kDouble).abs();
  return sum;
}

double stream_residual(const Components& components) {
  at::Tensor sum = components.final_residual.to(at::kDouble) * -1.0;
  for (const at::Tensor& written : components.written) sum += written.to(at::kDouble);
  // Positions without any addition must have a difference of zero; dividing by a tiny number
  // exposes others.
  return (sum.abs() / absolute_sum(components).clamp_min(1e-30)).max().item<double>();
}

}  // namespace lensbench::attribution

#include "components.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>

#include <algorithm>
#include <utility>

#include "common/worst.hpp"

namespace lensbench::attribution {
namespace {

std::string hook_of_block(std::int64_t layer, const std::string& name) {
  return "blocks." + std::to_string(layer) + "." + name;
}

}  // namespace

std::string final_hook(const TransformerSpec& spec) {
  return residual_hook(spec, spec.n_layers);
}

/// Hooks of everything that is added to the stream, and of the stream itself for the check of the
/// sum.
std::vector<std::string> component_hooks(const TransformerSpec& spec) {
  // Tokens of pictures take the place of embeddings.
  std::vector<std::string> hooks = {spec.vision ? "hook_merged_embed" : "hook_embed",
                                    "blocks.*.hook_resid_pre", "blocks.*.hook_attn_out",
                                    "blocks.*.hook_mlp_out", final_hook(spec)};
  if (spec.position == PositionKind::learned) hooks.emplace_back("hook_pos_embed");
  return hooks;
}

/// Tiles of positions bound [component, token, d_model] in float64.
Components read_components(const ActivationCache& cache, const TransformerSpec& spec,
                           const LogitDirection& direction) {
  const at::Tensor stream = cache[final_hook(spec)];
  const std::int64_t n_tokens = stream.size(0);
  constexpr std::int64_t kElements = std::int64_t{1} << 20;  // 8 MiB in float64
  const std::int64_t row = 2 * (spec.n_layers + 1) * spec.d_model;
  const std::int64_t tile = std::max<std::int64_t>(1, kElements / row);
  Components components;
  std::vector<at::Tensor> contributions, sizes;
  for (std::int64_t first = 0; first < n_tokens; first += tile) {
    const std::int64_t count = std::min(tile, n_tokens - first);
    LabelledStack stack = cache.decompose_resid({.pos_slice = {first, first + count}});
    const at::Tensor written = stack.values.to(at::kDouble);  // [component, token, d_model]
    const at::Tensor absolute = written.abs().sum(0);
    contributions.push_back((written * direction.vector.narrow(0, first, count)).sum(-1));
    sizes.push_back((absolute * direction.magnitude.narrow(0, first, count)).sum(-1));
    const at::Tensor difference = written.sum(0) - stream.narrow(0, first, count).to(at::kDouble);
    // Positions without any addition must have a difference of zero; dividing by a tiny number
    // exposes others.
    const double ratio = (difference.abs() / absolute.clamp_min(1e-30)).max().item<double>();
    components.stream_residual = worst_of(components.stream_residual, ratio);
    components.labels = std::move(stack.labels);
  }
  components.contributions = at::cat(contributions, 1);
  components.size = at::cat(sizes);
  return components;
}

/// Activations with the batch axis that forwards take.
BlockActivations block_activations(const ActivationCache& cache, const TransformerSpec& spec,
                                   bool heads) {
  const auto read = [&](std::int64_t layer, const std::string& name) {
    return cache[hook_of_block(layer, name)].unsqueeze(0);
  };
  BlockActivations blocks;
  for (std::int64_t layer = 0; layer < spec.n_layers; ++layer) {
    blocks.resid_pre.push_back(read(layer, "hook_resid_pre"));
    blocks.attn_out.push_back(read(layer, "hook_attn_out"));
    blocks.mlp_out.push_back(read(layer, "hook_mlp_out"));
    if (heads) blocks.z.push_back(read(layer, "attn.hook_z"));
  }
  return blocks;
}

}  // namespace lensbench::attribution

#include "token_values.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/stack.h>

#include <algorithm>
#include <cmath>
#include <lensbench/activation_cache.hpp>
#include <limits>
#include <map>

#include "stream.hpp"

namespace lensbench::geometry {
namespace {

/// Whether what a head adds to the stream is its own: no norm mixes the heads afterwards.
bool has_head_parts(const TransformerSpec& spec) {
  return has_sum(spec) && spec.norm_placement == NormPlacement::before;
}

/// float64 on the CPU, where lengths and cosines of long vectors do not lose digits.
at::Tensor wide(const at::Tensor& x) {
  return x.to(at::kCPU).to(at::kDouble);
}

using Activations = std::map<std::string, at::Tensor>;

/// Rounding of one number of a type, relative.
double rounding_of(at::ScalarType type) {
  if (type == at::kHalf) return std::ldexp(1.0, -10);
  if (type == at::kBFloat16) return std::ldexp(1.0, -7);
  return type == at::kDouble ? std::ldexp(1.0, -52) : std::ldexp(1.0, -23);
}

/// Two checks of the decomposition: in the stream itself and in the shares.
void check_parts(Dataset& dataset, const at::Tensor& components, const at::Tensor& stream,
                 const Parts& parts, double rounding) {
  const at::Tensor difference = (components.sum(0) - stream).abs();
  const at::Tensor size = components.abs().sum(0).clamp_min(1e-300);
  const auto terms = static_cast<double>(components.size(0));
  dataset.receipts.push_back(
      make_receipt("components_sum_to_residual_stream", (difference / size).max().item<double>(),
                   terms * rounding / 2,
                   "relative to the sum of absolute values; one rounding for each addition"));
  const double worst = (parts.share.sum(0) - 1).abs().max().item<double>();
  // Lengths of parts that cancel are rounded relative to the parts, not to their sum.
  const double cancelled =
      (parts.norm.sum(0) / stream.norm(2, -1).clamp_min(1e-300)).max().item<double>();
  dataset.receipts.push_back(make_receipt(
      "component_shares_sum_to_one", worst, std::max(1e-4, terms * rounding * cancelled),
      "at least 1e-4; more where long components cancel, or in half precision"));
}

/// Whether attention and MLP of a block write in one direction.
void add_write_ratio(Dataset& dataset, const Activations& found, const at::Tensor& streams,
                     std::int64_t n_layers) {
  std::vector<at::Tensor> ratios;
  for (std::int64_t block = 0; block < n_layers; ++block)
    ratios.push_back(write_ratio(wide(found.at(in_block(block, "hook_attn_out"))[0]),
                                 wide(found.at(in_block(block, "hook_mlp_out"))[0]),
                                 // What the block really adds, which may be rounded from the sum of
                                 // both parts.
                                 streams[block + 1] - streams[block]));
  dataset.add("write_ratio", {"block", "token"}, at::stack(ratios), "1",
              "lengths of attention and MLP output over that of their sum; 1 in one direction, 1.4 "
              "at right angles, more where they cancel "
              "(NaN: the sum is 0)");
}

void add_components(Dataset& dataset, const Model& model, const Activations& found,
                    const at::Tensor& streams) {
  const TransformerSpec& spec = model.spec();
  // The cache decomposes the prompt's activations, which are read once for all variables.
  const LabelledStack stack = ActivationCache(model, found).decompose_resid();
  const at::Tensor components = wide(stack.values.select(1, 0)), last = streams[spec.n_layers];
  const Parts parts = parts_of(components, last);
  dataset.add_coordinate("component", stack.labels, "addition to the residual stream");
  dataset.add("component_share", {"component", "token"}, parts.share, "1",
              "part of the last stream along itself that this component wrote; sums to 1 (NaN: the "
              "stream is 0)");
  dataset.add("component_norm", {"component", "token"}, parts.norm, "1",
              "length of what the component wrote");
  dataset.add("component_cosine", {"component", "token"}, parts.cosine, "1",
              "cosine of what the component wrote with the last stream (NaN: one of them is 0)");
  check_parts(dataset, components, last, parts, rounding_of(model.options().dtype));
  add_write_ratio(dataset, found, streams, spec.n_layers);
}

/// |z W_O| of each head, relative to the stream that enters the block.
void add_heads(Dataset& dataset, const Model& model, const Activations& found,
               const at::Tensor& norm) {
  const TransformerSpec& spec = model.spec();
  std::vector<at::Tensor> shares;
  for (std::int64_t block = 0; block < spec.n_layers; ++block) {
    const at::Tensor length = head_lengths(wide(found.at(in_block(block, "attn.hook_z"))[0]),
                                           wide(model.weight(in_block(block, "attn.W_O")))) *
                              std::abs(spec.residual_scale);
    shares.push_back((length / norm[block])
                         .masked_fill(norm[block] == 0, std::numeric_limits<double>::quiet_NaN()));
  }
  dataset.add_coordinate("head", at::arange(spec.attention.n_heads, at::kInt), "attention head");
  dataset.add("write_share", {"block", "head", "token"}, at::stack(shares), "1",
              "length of a head's output, without the output bias, over that of the stream that "
              "enters the block (NaN: that stream is 0)");
}

void add_path(Dataset& dataset, const Path& path) {
  dataset.add("norm", {"layer", "token"}, path.norm, "1", "length of the stream");
  dataset.add("cosine_to_final", {"layer", "token"}, path.cosine_to_final, "1",
              "cosine of the stream with that of the last layer (NaN: one of them is 0)");
  dataset.add("cosine_to_previous", {"layer", "token"}, path.cosine_to_previous, "1",
              "cosine of the stream with that of the layer before (NaN: layer 0, or one is 0)");
  dataset.add("movement", {"block", "token"}, path.movement, "1",
              "length of what the block adds over the length of the stream that enters it (NaN: "
              "that stream is 0)");
}

}  // namespace

bool has_sum(const TransformerSpec& spec) {
  return spec.norm_placement != NormPlacement::after_add && !spec.masked_language_model;
}

std::string in_block(std::int64_t block, const char* hook) {
  return "blocks." + std::to_string(block) + "." + hook;
}

std::vector<std::string> token_hooks(const TransformerSpec& spec, bool components) {
  std::vector<std::string> hooks;
  for (std::int64_t layer = 0; layer <= spec.n_layers; ++layer)
    hooks.push_back(residual_hook(spec, layer));
  if (!components) return hooks;
  // Tokens of pictures take the place of embeddings.
  hooks.emplace_back(spec.vision ? "hook_merged_embed" : "hook_embed");
  if (spec.position == PositionKind::learned) hooks.push_back("hook_pos_embed");
  for (std::int64_t block = 0; block < spec.n_layers; ++block) {
    hooks.push_back(in_block(block, "hook_attn_out"));
    hooks.push_back(in_block(block, "hook_mlp_out"));
    // Heads only where no norm mixes them before the addition.
    if (has_head_parts(spec)) hooks.push_back(in_block(block, "attn.hook_z"));
  }
  return hooks;
}

void add_tokens(Dataset& dataset, Context& context, const Tokens& tokens,
                const ResidualGeometryOptions& options) {
  const Model& model = context.model();
  const TransformerSpec& spec = model.spec();
  // All values at tokens come from one forward, which other tools of the case share.
  const Activations found = context.activations(tokens, token_hooks(spec, options.components));
  std::vector<at::Tensor> layers;
  for (std::int64_t layer = 0; layer <= spec.n_layers; ++layer)
    layers.push_back(wide(found.at(residual_hook(spec, layer))[0]));
  const at::Tensor streams = at::stack(layers);
  const Path path = path_of(streams);
  add_path(dataset, path);
  if (!options.components) return;
  add_components(dataset, model, found, streams);
  if (has_head_parts(spec))
    add_heads(dataset, model, found, path.norm);
  else
    dataset.attributes["write_share"] =
        "left out: a norm follows attention, so its output is not a sum of heads";
}

}  // namespace lensbench::geometry

#include "model/families/vision_parts.hpp"

#include <lensbench/error.hpp>
#include <string>

#include "model/families/config_parts.hpp"
#include "model/families/weight_parts.hpp"

namespace lensbench {
namespace {

/// Values of the class in transformers, which published configurations leave out.
constexpr std::int64_t kTowerBlocks = 32, kTowerWidth = 1280, kTowerHeads = 16, kTowerMlp = 3420;

/// Rotation of a patch's row and column by a quarter of a head's width each.
void check_heads(const ConfigReader& vision, const VisionSpec& spec) {
  if (spec.d_model % spec.n_heads != 0 || spec.d_head() % 4 != 0)
    vision.fail("num_heads", "is " + std::to_string(spec.n_heads) + " for a width of " +
                                 std::to_string(spec.d_model) +
                                 "; expected heads whose width is a multiple of 4");
}

void read_windows_of_tower(const ConfigReader& vision, VisionSpec& spec) {
  spec.window_size = vision.integer_or("window_size", 112);
  if (spec.window_size < spec.patch_size * spec.merge_size)
    vision.fail("window_size", "is " + std::to_string(spec.window_size) +
                                   ", which does not hold a token of " +
                                   std::to_string(spec.patch_size * spec.merge_size) + " pixels");
  constexpr const char* field = "fullatt_block_indexes";
  spec.full_attention_blocks = vision.has(field)
                                   ? vision.integer_or_integers(field, {0, kLayers.max})
                                   : std::vector<std::int64_t>{7, 15, 23, 31};
}

std::int64_t token_id(const ConfigReader& config, const char* field, std::int64_t otherwise) {
  return config.integer_or(field, otherwise, {0, kDimension.max});
}

/// Base of the tower's rotation, which only newer programs store.
double rope_theta(const ConfigReader& vision) {
  const auto rope = vision.object("rope_parameters");
  return rope ? rope->number_or("rope_theta", 10000.0, kPositive) : 10000.0;
}

TowerBlockWeights take_block(const VisionSpec& spec, WeightTaker& taker,
                             const std::string& prefix) {
  const std::int64_t d = spec.d_model;
  TowerBlockWeights block;
  const auto linear = [&](const char* name, std::int64_t in, std::int64_t out) {
    return take_linear(taker, prefix + name, in, out, /*bias=*/true, Part::head);
  };
  block.norm1 = take_norm(taker, spec.norm, prefix + "norm1", d, Part::head);
  block.norm2 = take_norm(taker, spec.norm, prefix + "norm2", d, Part::head);
  block.qkv = linear("attn.qkv", d, 3 * d);
  block.o = linear("attn.proj", d, d);
  if (spec.gated) block.gate = linear("mlp.gate_proj", d, spec.d_mlp);
  block.in = linear(spec.gated ? "mlp.up_proj" : "mlp.fc1", d, spec.d_mlp);
  block.out = linear(spec.gated ? "mlp.down_proj" : "mlp.fc2", spec.d_mlp, d);
  return block;
}

/// The convolution over patches as a matrix: its step is its size, so each patch is used once.
Linear take_patch_embed(const VisionSpec& spec, WeightTaker& taker, const std::string& prefix) {
  const at::Tensor stored =
      taker.take_head(prefix + "patch_embed.proj.weight",
                      {spec.d_model, 3, spec.temporal_size, spec.patch_size, spec.patch_size});
  return {stored.defined() ? stored.flatten(1).t() : stored, {}};
}

}  // namespace

VisionSpec read_vision(const ConfigReader& config, std::int64_t width,
                       const TowerDefaults& defaults) {
  const auto vision = config.object("vision_config");
  if (!vision)
    config.fail("vision_config",
                "is missing; it describes the vision tower; fetch config.json again");
  refuse_common(*vision);
  VisionSpec spec;
  spec.n_layers = vision->integer_or("depth", kTowerBlocks, kLayers);
  spec.d_model = vision->integer_or(defaults.width_field, kTowerWidth);
  spec.n_heads = vision->integer_or("num_heads", kTowerHeads);
  check_heads(*vision, spec);
  spec.gated = defaults.windows;
  spec.d_mlp = defaults.windows ? vision->integer_or("intermediate_size", kTowerMlp)
                                : vision->integer_or("mlp_ratio", 4) * spec.d_model;
  spec.activation =
      read_activation(*vision, "hidden_act", defaults.windows ? "silu" : "quick_gelu");
  spec.norm.kind = defaults.windows ? NormKind::rms_norm : NormKind::layer_norm;
  spec.norm.has_bias = !defaults.windows;
  spec.norm.epsilon = 1e-6;
  spec.patch_size = vision->integer_or("patch_size", 14);
  spec.merge_size = vision->integer_or("spatial_merge_size", 2);
  spec.temporal_size = vision->integer_or("temporal_patch_size", 2);
  vision->require_absent_or("in_channels", 3);
  if (defaults.windows) read_windows_of_tower(*vision, spec);
  spec.rope_theta = rope_theta(*vision);
  if (const std::int64_t output = vision->integer_or(defaults.output_field, width); output != width)
    vision->fail(defaults.output_field, "is " + std::to_string(output) +
                                            ", but the text model has the width " +
                                            std::to_string(width));
  spec.image_token_id = token_id(config, "image_token_id", 151655);
  spec.video_token_id = token_id(config, "video_token_id", 151656);
  spec.vision_start_token_id = token_id(config, "vision_start_token_id", 151652);
  spec.vision_end_token_id = token_id(config, "vision_end_token_id", 151653);
  if (defaults.windows) spec.tokens_per_second = vision->number_or("tokens_per_second", 4.0);
  return spec;
}

TowerWeights take_tower(const VisionSpec& spec, std::int64_t width, WeightTaker& taker) {
  const bool newer = taker.has("model.visual.patch_embed.proj.weight");
  const std::string prefix = newer ? "model.visual." : "visual.";
  const std::int64_t merged = spec.d_model * spec.patches_of_token();
  TowerWeights tower;
  tower.patch_embed = take_patch_embed(spec, taker, prefix);
  for (std::int64_t layer = 0; layer < spec.n_layers; ++layer)
    tower.blocks.push_back(
        take_block(spec, taker, prefix + "blocks." + std::to_string(layer) + "."));
  const std::string merger = prefix + "merger.";
  tower.merger_norm = take_norm(taker, spec.norm, merger + "ln_q", spec.d_model, Part::head);
  tower.merger_in = take_linear(taker, merger + "mlp.0", merged, merged, true, Part::head);
  tower.merger_out = take_linear(taker, merger + "mlp.2", merged, width, true, Part::head);
  return tower;
}

}  // namespace lensbench

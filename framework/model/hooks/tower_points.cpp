#include <array>
#include <string>

#include "model/hooks/hook_points.hpp"
#include "model/hooks/sequence_place.hpp"

namespace lensbench {
namespace {

using Dims = std::vector<std::string>;

/// Axes have names of their own, since their lengths differ from those of the text model.
Dims of_patches(const TransformerSpec&) {
  return {"patch", "d_vision"};
}
Dims of_scale(const TransformerSpec&) {
  return {"patch", "one"};
}
Dims of_heads(const TransformerSpec&) {
  return {"patch", "vision_head", "d_vision_head"};
}
/// Dimensions of the scores and patterns of one segment, which is a frame or a window.
Dims of_pairs(const TransformerSpec&) {
  return {"vision_head", "query_patch", "key_patch"};
}
Dims of_neurons(const TransformerSpec&) {
  return {"patch", "d_vision_mlp"};
}
Dims of_tokens(const TransformerSpec&) {
  return {"image_token", "d_model"};
}

const char* in_every_tower(const TransformerSpec&) {
  return nullptr;
}
const char* in_gated_tower(const TransformerSpec& spec) {
  return spec.vision->gated ? nullptr : "the MLP of this vision tower is not gated";
}

using TowerCondition = bool (*)(const VisionSpec&);
bool any_tower(const VisionSpec&) {
  return true;
}
bool gated_tower(const VisionSpec& spec) {
  return spec.gated;
}
bool plain_tower(const VisionSpec& spec) {
  return !spec.gated;
}

struct TowerAlias {
  Point point;
  std::string_view name;  ///< below `vision_encoder.blocks.{i}.` for points of a block
  TowerCondition holds;
};

/// Names of TransformerBridge 4.3 for the same tensors. Rows of `vision_projector.hook_out` are in
/// the order of the text model, those of TransformerBridge in the order of windows.
constexpr std::array<TowerAlias, 27> kTowerAliases = {{
    {Point::patch_embed, "vision_encoder.patch_embed.hook_out", any_tower},
    {Point::patch_embed, "vision_encoder.hook_vision_embed", any_tower},
    {Point::resid_pre, "hook_in", any_tower},
    {Point::resid_pre, "norm1.hook_in", any_tower},
    {Point::ln1_out, "norm1.hook_out", any_tower},
    {Point::ln1_out, "attn.hook_in", any_tower},
    {Point::ln1_out, "hook_attn_in", any_tower},
    {Point::ln1_out, "attn.qkv.hook_in", any_tower},
    {Point::z, "attn.proj.hook_in", any_tower},
    {Point::attn_out, "attn.proj.hook_out", any_tower},
    {Point::attn_out, "attn.hook_out", any_tower},
    {Point::resid_mid, "norm2.hook_in", any_tower},
    {Point::ln2_out, "norm2.hook_out", any_tower},
    {Point::ln2_out, "mlp.hook_in", any_tower},
    {Point::ln2_out, "hook_mlp_in", any_tower},
    {Point::ln2_out, "mlp.in.hook_in", any_tower},
    {Point::ln2_out, "mlp.gate.hook_in", gated_tower},
    {Point::mlp_pre, "mlp.gate.hook_out", gated_tower},
    {Point::mlp_pre, "mlp.in.hook_out", plain_tower},
    {Point::mlp_pre_linear, "mlp.in.hook_out", gated_tower},
    {Point::mlp_post, "mlp.out.hook_in", any_tower},
    {Point::mlp_out, "mlp.out.hook_out", any_tower},
    {Point::mlp_out, "mlp.hook_out", any_tower},
    {Point::resid_post, "hook_out", any_tower},
    {Point::vision_in, "vision_projector.hook_vision_proj_in", any_tower},
    {Point::vision_out, "vision_projector.hook_vision_proj_out", any_tower},
    {Point::vision_out, "vision_projector.hook_projected", any_tower},
}};

std::string block_prefix(std::int64_t block) {
  return block < 0 ? std::string() : std::string(kTowerBlocks) + std::to_string(block) + ".";
}

PlacedPoint placed_in_tower(const TransformerSpec& spec, const PointFacts& facts,
                            std::int64_t block) {
  HookPoint hook;
  hook.name = block_prefix(block) + std::string(facts.name);
  hook.layer = block;
  hook.dims = facts.dims(spec);
  for (const TowerAlias& alias : kTowerAliases)
    if (alias.point == facts.point && alias.holds(*spec.vision))
      hook.aliases.push_back(block_prefix(block) + std::string(alias.name));
  return {facts.point, std::move(hook), -1, true};
}

}  // namespace

/// One row for each point, in the order of the tower's forward.
const std::vector<PointFacts>& tower_point_table() {
  static const std::vector<PointFacts> table = {
      {Point::patch_embed, "vision_encoder.hook_patch_embed", false, of_patches, in_every_tower},
      {Point::resid_pre, "hook_resid_pre", true, of_patches, in_every_tower},
      {Point::ln1_scale, "ln1.hook_scale", true, of_scale, in_every_tower},
      {Point::ln1_normalized, "ln1.hook_normalized", true, of_patches, in_every_tower},
      {Point::ln1_out, "ln1.hook_out", true, of_patches, in_every_tower},
      {Point::q, "attn.hook_q", true, of_heads, in_every_tower},
      {Point::k, "attn.hook_k", true, of_heads, in_every_tower},
      {Point::v, "attn.hook_v", true, of_heads, in_every_tower},
      {Point::rot_q, "attn.hook_rot_q", true, of_heads, in_every_tower},
      {Point::rot_k, "attn.hook_rot_k", true, of_heads, in_every_tower},
      {Point::attn_scores, "attn.hook_attn_scores", true, of_pairs, in_every_tower},
      {Point::pattern, "attn.hook_pattern", true, of_pairs, in_every_tower},
      {Point::z, "attn.hook_z", true, of_heads, in_every_tower},
      {Point::attn_out, "hook_attn_out", true, of_patches, in_every_tower},
      {Point::resid_mid, "hook_resid_mid", true, of_patches, in_every_tower},
      {Point::ln2_scale, "ln2.hook_scale", true, of_scale, in_every_tower},
      {Point::ln2_normalized, "ln2.hook_normalized", true, of_patches, in_every_tower},
      {Point::ln2_out, "ln2.hook_out", true, of_patches, in_every_tower},
      {Point::mlp_pre, "mlp.hook_pre", true, of_neurons, in_every_tower},
      {Point::mlp_pre_linear, "mlp.hook_pre_linear", true, of_neurons, in_gated_tower},
      {Point::mlp_post, "mlp.hook_post", true, of_neurons, in_every_tower},
      {Point::mlp_out, "hook_mlp_out", true, of_patches, in_every_tower},
      {Point::resid_post, "hook_resid_post", true, of_patches, in_every_tower},
      {Point::vision_in, "vision_projector.hook_in", false, of_patches, in_every_tower},
      {Point::vision_out, "vision_projector.hook_out", false, of_tokens, in_every_tower},
  };
  return table;
}

std::vector<PlacedPoint> placed_tower_points(const TransformerSpec& spec) {
  std::vector<PlacedPoint> points;
  if (!spec.vision) return points;
  const auto add = [&](const PointFacts& facts, std::int64_t block) {
    if (!facts.absent(spec)) points.push_back(placed_in_tower(spec, facts, block));
  };
  add(tower_point_table().front(), -1);
  for (std::int64_t block = 0; block < spec.vision->n_layers; ++block)
    for (const PointFacts& facts : tower_point_table())
      if (facts.in_block) add(facts, block);
  for (const PointFacts& facts : tower_point_table())
    if (!facts.in_block && facts.point != Point::patch_embed) add(facts, -1);
  return points;
}

std::string activation_name(const HookPoint& point) {
  const auto& place = HookAccess::place(point);
  const bool one_of_many = place && place->segment >= 0;
  return one_of_many ? point.name + "#" + std::to_string(place->segment) : point.name;
}

}  // namespace lensbench

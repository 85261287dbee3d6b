#pragma once

#include <cstdint>
#include <lensbench/hooks.hpp>
#include <lensbench/spec.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace lensbench {

/// Every point of the forward where a hook can run, in forward order. Blocks of a vision tower have
/// the points of text blocks.
enum class Point {
  word_norm_scale,
  word_norm_normalized,
  embed,
  pos_embed,
  token_type_embed,
  embed_norm_scale,
  embed_norm_normalized,
  full_embed,
  patch_embed,
  vision_in,
  vision_out,
  merged_embed,
  resid_pre,
  attn_in,
  q_input,
  k_input,
  v_input,
  ln1_scale,
  ln1_normalized,
  ln1_out,
  kv_latent,
  latent_rot_k,
  q_latent,
  latent_rot_q,
  q,
  k,
  v,
  q_norm_scale,
  q_norm_normalized,
  k_norm_scale,
  k_norm_normalized,
  rot_q,
  rot_k,
  attn_scores,
  pattern,
  z,
  result,
  ln1_post_scale,
  ln1_post_normalized,
  attn_out,
  resid_mid,
  ln1_added_scale,
  ln1_added_normalized,
  mlp_in,
  ln2_scale,
  ln2_normalized,
  ln2_out,
  router_scores,
  expert_weights,
  expert_indices,
  expert_gate,
  expert_pre,
  expert_post,
  mlp_pre,
  mlp_pre_linear,
  mlp_post,
  ln2_post_scale,
  ln2_post_normalized,
  mlp_out,
  resid_post,
  ln2_added_scale,
  ln2_added_normalized,
  normalized_resid_post,
  final_scale,
  final_normalized,
  unembed_in,
  unembed_out,
};

/// Points that exist once for each expert of a mixture.
inline constexpr Point kFirstOfExpert = Point::expert_gate, kLastOfExpert = Point::expert_post;
constexpr bool is_of_expert(Point point) {
  return point >= kFirstOfExpert && point <= kLastOfExpert;
}

/// Fixed facts about a point: its name (below `blocks.{i}.` for points of a block, with `{e}` for
/// the expert's number), its dimensions, and the reason why a model may lack it.
struct PointFacts {
  Point point;
  std::string_view name;
  bool in_block;
  std::vector<std::string> (*dims)(const TransformerSpec&);
  /// Returns nullptr if the model has the point, else the reason why not.
  const char* (*absent)(const TransformerSpec&);
};

const std::vector<PointFacts>& point_table();
/// Points of a vision tower; names are below `vision_encoder.blocks.{i}.` or whole.
const std::vector<PointFacts>& tower_point_table();

/// Hook point of one model, with its entry in the table.
struct PlacedPoint {
  Point point;
  HookPoint hook;
  std::int64_t expert = -1;  ///< expert that the point belongs to; -1: none
  bool tower = false;        ///< true for a point of the vision tower
};
std::vector<PlacedPoint> placed_points(const TransformerSpec& spec);

/// Whether a block normalises queries and keys. A norm without gain is a part of the rotation
/// (Llama 4): blocks that do not rotate lack it.
bool has_query_key_norm(const TransformerSpec& spec, std::int64_t layer);

/// The model as its block `layer` is: without experts in the first, dense blocks of a mixture,
/// without a norm of queries and keys where the block lacks it.
TransformerSpec spec_of_block(const TransformerSpec& spec, std::int64_t layer);

/// Points of the vision tower of one model, in forward order; empty without a tower.
std::vector<PlacedPoint> placed_tower_points(const TransformerSpec& spec);

/// Prefix of the names of a tower's blocks, before the number of the block.
inline constexpr std::string_view kTowerBlocks = "vision_encoder.blocks.";

/// True for a name or a glob of points of a vision tower.
constexpr bool is_of_tower(std::string_view name) {
  return name.starts_with("vision_encoder.") || name.starts_with("vision_projector.");
}

}  // namespace lensbench

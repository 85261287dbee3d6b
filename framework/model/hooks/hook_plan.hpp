#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/hooks.hpp>
#include <lensbench/spec.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lensbench {

/// Every place of the forward a hook can be at, in the order it reaches them.
enum class Point {
  word_norm_scale,
  word_norm_normalized,
  embed,
  pos_embed,
  token_type_embed,
  embed_norm_scale,
  embed_norm_normalized,
  full_embed,
  resid_pre,
  attn_in,
  q_input,
  k_input,
  v_input,
  ln1_scale,
  ln1_normalized,
  ln1_out,
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

/// Points that each expert of a mixture has.
inline constexpr Point kFirstOfExpert = Point::expert_gate, kLastOfExpert = Point::expert_post;
constexpr bool is_of_expert(Point point) {
  return point >= kFirstOfExpert && point <= kLastOfExpert;
}

/// What is fixed about a point: its name (below `blocks.{i}.` for points of a block, `{e}` where
/// the expert's number stands), its dimensions, and why a model may not have it.
struct PointFacts {
  Point point;
  std::string_view name;
  bool in_block;
  std::vector<std::string> (*dims)(const TransformerSpec&);
  /// nullptr if this model has the point, else the reason in words.
  const char* (*absent)(const TransformerSpec&);
};

const std::vector<PointFacts>& point_table();

/// A point of one model, with its place in the table.
struct PlacedPoint {
  Point point;
  HookPoint hook;
  std::int64_t expert = -1;  ///< whose point it is; -1: no expert's
};
std::vector<PlacedPoint> placed_points(const TransformerSpec& spec);

/// Other names of a point: those of TransformerBridge that are this very tensor.
std::vector<std::string> aliases_of(const TransformerSpec& spec, Point point, std::int64_t layer);

/// A name of `get_act_name` in full: `k6` is `blocks.6.attn.hook_k`, `scale4ln1` is
/// `blocks.4.ln1.hook_scale`, `resid_post` that of every block (`blocks.*.hook_resid_post`).
/// Nothing for what is no such name.
std::optional<std::string> unabbreviated(std::string_view name);

/// The points that a name, an alias, a short name or a glob of names or aliases means. Where a glob
/// matches a name, aliases do not count.
/// \param points  `placed_points(spec)`
/// \throws UsageError naming near misses, or why the point does not exist for this model
std::vector<PlacedPoint> matching_points(const TransformerSpec& spec,
                                         const std::vector<PlacedPoint>& points,
                                         std::string_view glob);

/// Whether `name` matches `glob`: `*` any characters, `?` one, `[abc]`, `[a-z]`, `[!a]` one of a
/// set.
bool glob_matches(std::string_view glob, std::string_view name);

/// The sentence of the error for a glob that matches no point of this model.
std::string no_match_message(const TransformerSpec& spec, std::string_view glob);

/// Which part of the model a forward runs.
struct Reach {
  std::int64_t first_layer = 0;
  std::int64_t end_layer = 0;
  bool embedding = true;
  bool head = true;  ///< final norm and unembed
};

/// Hooks resolved against a model before it runs: for each point of each layer, which hooks.
class HookPlan {
 public:
  HookPlan() = default;
  /// \throws UsageError for a glob that matches nothing or only what this forward does not run
  HookPlan(const TransformerSpec& spec, const Hooks& hooks, const Reach& reach);

  bool wants(Point point, std::int64_t layer = -1, std::int64_t expert = -1) const {
    return !slots_.empty() && !slots_[index(point, layer, expert)].entries.empty();
  }

  /// Tells hooks where the positions of this forward stand.
  /// \param head  for the points after the blocks, which may have the last position only
  void set_place(const SequencePlace& stream, const SequencePlace& head);

  /// Runs the hooks of a point. \return what the forward goes on with
  /// \throws UsageError if a replacement has another shape, element type or device
  at::Tensor apply(Point point, std::int64_t layer, std::int64_t expert, at::Tensor value) const;

 private:
  struct Slot {
    HookPoint hook;
    bool after_blocks = false;
    std::vector<const Hooks::Entry*> entries;
  };
  std::size_t index(Point point, std::int64_t layer, std::int64_t expert) const;
  std::size_t slots_per_layer_ = 0;
  std::vector<Slot> slots_;
};

/// One layer's (or the head's, or one expert's) view of the plan, handed to the parts of the
/// forward.
class HookSite {
 public:
  HookSite(const HookPlan& plan, std::int64_t layer, std::int64_t expert = -1)
      : plan_(plan), layer_(layer), expert_(expert) {}
  bool wants(Point point) const { return plan_.wants(point, layer_, expert_); }
  at::Tensor apply(Point point, at::Tensor value) const {
    return wants(point) ? plan_.apply(point, layer_, expert_, std::move(value)) : value;
  }

 private:
  const HookPlan& plan_;
  std::int64_t layer_, expert_;
};

/// Whether two activations hold the same numbers, so that a hook left the forward as it was.
bool same_values(const at::Tensor& a, const at::Tensor& b);

}  // namespace lensbench

#include "model/hooks/hook_names.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <lensbench/error.hpp>
#include <optional>
#include <utility>

#include "core/text/glob.hpp"
#include "core/text/suggest.hpp"

namespace lensbench {
namespace {

/// Splits `blocks.{layer}.{rest}` into layer and rest. The layer is text, since it may be a
/// pattern.
std::optional<std::pair<std::string_view, std::string_view>> split_block(std::string_view name) {
  constexpr std::string_view prefix = "blocks.";
  if (name.substr(0, prefix.size()) != prefix) return std::nullopt;
  name.remove_prefix(prefix.size());
  const std::size_t dot = name.find('.');
  if (dot == std::string_view::npos) return std::nullopt;
  return std::pair{name.substr(0, dot), name.substr(dot + 1)};
}

/// TransformerLens points that all families here lack; below `blocks.{i}.` if `in_block`.
struct UnknownPoint {
  bool in_block;
  std::string_view glob;
  const char* reason;
};
constexpr const char* kNoPooler =
    "a masked-language model does not include the pooler and the next-sentence head";
constexpr const char* kNoCrossAttention = "no supported family has both an encoder and a decoder";
constexpr std::array<UnknownPoint, 9> kUnknownPoints = {{
    {false, "hook_tokens", "token ids are the input of a forward; results hold them as input_id"},
    {false, "hook_pooler_out", kNoPooler},
    {false, "hook_nsp_out", kNoPooler},
    {true, "attn.hook_attn_input", "no supported family adds positions to queries and keys only"},
    {true, "mlp.hook_mid",
     "no supported family has a norm after the activation function of its MLP"},
    {true, "mlp.ln.*", "no supported family has a norm after the activation function of its MLP"},
    {true, "*cross_attn*", kNoCrossAttention},
    {true, "hook_resid_mid_cross", kNoCrossAttention},
    {true, "*rel_pos_bias*", "no supported family has relative position biases"},
}};

std::optional<std::int64_t> whole_number(std::string_view text) {
  std::int64_t number = -1;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (fault != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

/// Replaces the number in `mlp.experts.7.hook_pre` by `{e}`, as in the table, and returns it.
std::optional<std::int64_t> take_expert(std::string& name) {
  constexpr std::string_view prefix = "mlp.experts.";
  const std::size_t dot = name.find('.', prefix.size());
  if (!name.starts_with(prefix) || dot == std::string::npos) return std::nullopt;
  const auto expert =
      whole_number(std::string_view(name).substr(prefix.size(), dot - prefix.size()));
  if (expert) name.replace(prefix.size(), dot - prefix.size(), "{e}");
  return expert;
}

/// Points of TransformerBridge that a vision tower lacks; below `vision_encoder.blocks.{i}.` if
/// `in_block`.
constexpr const char* kOwnOutput =
    "the output of the tower is that of the merger; use vision_projector.hook_out";
constexpr std::array<UnknownPoint, 7> kUnknownTowerPoints = {{
    {false, "vision_encoder.hook_in", "the rows of pixels are the input of a forward"},
    {false, "vision_encoder.patch_embed.hook_in", "the rows of pixels are the input of a forward"},
    {false, "vision_encoder.pos_embed.hook_*", "the rotation is at attn.hook_rot_q and hook_rot_k"},
    {false, "vision_encoder.hook_out", kOwnOutput},
    {false, "vision_encoder.hook_vision_out", kOwnOutput},
    {true, "attn.qkv.hook_out",
     "queries, keys and values are separate; use attn.hook_q, attn.hook_k and attn.hook_v"},
    {true, "attn.hook_result",
     "a vision tower does not compute the outputs of single heads; use attn.hook_z"},
}};

/// Reason why this model lacks a point of a vision tower.
std::string why_absent_from_tower(const TransformerSpec& spec, std::string_view glob) {
  if (!spec.vision) return "this model does not read pictures";
  const bool in_block = glob.starts_with(kTowerBlocks);
  std::string_view rest = glob;
  if (in_block) {
    rest.remove_prefix(kTowerBlocks.size());
    const std::string_view number = rest.substr(0, rest.find('.'));
    const auto block = whole_number(number);
    if (block && *block >= spec.vision->n_layers)
      return "the vision tower has blocks 0 to " + std::to_string(spec.vision->n_layers - 1);
    rest.remove_prefix(std::min(rest.size(), number.size() + 1));
  }
  for (const PointFacts& facts : tower_point_table())
    if (facts.in_block == in_block && glob_matches(rest, facts.name))
      if (const char* reason = facts.absent(spec)) return reason;
  for (const UnknownPoint& unknown : kUnknownTowerPoints)
    if (unknown.in_block == in_block && glob_matches(unknown.glob, rest)) return unknown.reason;
  return {};
}

/// Reason why this model lacks a point that others have; empty for a name that no model has.
std::string why_absent(const TransformerSpec& spec, std::string_view glob) {
  if (is_of_tower(glob)) return why_absent_from_tower(spec, glob);
  const auto block = split_block(glob);
  const auto layer = block ? whole_number(block->first) : std::nullopt;
  // Numbers of blocks and experts are answered first, since the rest of the name may be right.
  if (layer && *layer >= spec.n_layers)
    return "the model has layers 0 to " + std::to_string(spec.n_layers - 1);
  std::string rest(block ? block->second : glob);
  const auto expert = take_expert(rest);
  if (expert && *expert >= spec.mlp.n_experts && spec.mlp.n_experts > 0)
    return "the mixture has experts 0 to " + std::to_string(spec.mlp.n_experts - 1);
  const TransformerSpec own = layer ? spec_of_block(spec, *layer) : spec;
  // A point that exists in other models has its own reason in the table of points.
  for (const PointFacts& facts : point_table())
    if (facts.in_block == block.has_value() && glob_matches(rest, facts.name))
      if (const char* reason = facts.absent(own)) return reason;
  for (const UnknownPoint& unknown : kUnknownPoints)
    if (unknown.in_block == block.has_value() && glob_matches(unknown.glob, rest))
      return unknown.reason;
  return {};
}

}  // namespace

std::string no_match_message(const TransformerSpec& spec, std::string_view glob) {
  std::string message =
      "hook '" + std::string(glob) + "' matches no hook point of this " + spec.family + " model";
  if (const std::string reason = why_absent(spec, glob); !reason.empty())
    return message + ": " + reason;

  std::vector<std::string> names;
  for (PlacedPoint& placed : placed_points(spec)) {
    names.insert(names.end(), placed.hook.aliases.begin(), placed.hook.aliases.end());
    names.push_back(std::move(placed.hook.name));
  }
  // Spelling is compared with names and aliases alike.
  const std::vector<std::string> nearest = nearest_names(glob, names);
  if (nearest.empty()) return message + "; `lensbench list hooks` lists all hook points";
  return message + "; nearest names: '" + join(nearest, "', '") + "'";
}

/// \throws UsageError with the reason or the nearest names if nothing matches
std::vector<PlacedPoint> matching_points(const TransformerSpec& spec,
                                         const std::vector<PlacedPoint>& points,
                                         std::string_view glob) {
  const auto keep = [&](const auto& matches) {
    std::vector<PlacedPoint> found;
    for (const PlacedPoint& placed : points)
      if (matches(placed)) found.push_back(placed);
    return found;
  };
  // Names win over aliases, aliases over short names: a glob never mixes the three.
  const auto named = [](std::string_view pattern) {
    return [pattern](const PlacedPoint& placed) { return glob_matches(pattern, placed.hook.name); };
  };
  auto found = keep(named(glob));
  if (found.empty())
    found = keep([&](const PlacedPoint& placed) {
      return std::any_of(placed.hook.aliases.begin(), placed.hook.aliases.end(),
                         [&](const auto& alias) { return glob_matches(glob, alias); });
    });
  const auto full = unabbreviated(glob);
  if (found.empty() && full) found = keep(named(*full));
  if (found.empty()) throw UsageError(no_match_message(spec, full ? *full : glob));
  return found;
}

}  // namespace lensbench

#include <algorithm>
#include <array>
#include <utility>

#include "model/hooks/hook_names.hpp"

namespace lensbench {
namespace {

using Condition = bool (*)(const TransformerSpec&);

bool holds_always(const TransformerSpec&) {
  return true;
}
/// Queries, keys and values of latent attention have rotated parts, which no projection gives.
bool plain_projections(const TransformerSpec& spec) {
  return !spec.latent;
}
bool is_dense(const TransformerSpec& spec) {
  return spec.mlp.n_experts == 0;
}
bool is_gated(const TransformerSpec& spec) {
  return is_dense(spec) && spec.mlp.gated;
}
bool is_plain(const TransformerSpec& spec) {
  return is_dense(spec) && !spec.mlp.gated;
}
/// Gemma scales the embedding and BLOOM normalises it: the output of the embedding module then
/// differs from `hook_embed`.
bool unscaled_embedding(const TransformerSpec& spec) {
  return spec.embedding_scale == 1.0 && !spec.embedding_norm;
}
/// True if the output of a sublayer is added to the stream as it was made, so that both names mean
/// one tensor.
bool added_as_made(const TransformerSpec& spec) {
  return spec.residual_scale == 1.0 && (spec.norm_placement == NormPlacement::before ||
                                        spec.norm_placement == NormPlacement::after_add);
}
bool normed_before(const TransformerSpec& spec) {
  return spec.norm_placement == NormPlacement::before ||
         spec.norm_placement == NormPlacement::before_and_after;
}
bool own_second_norm(const TransformerSpec& spec) {
  return normed_before(spec) && !spec.shared_parallel_norm;
}
/// With parallel blocks, the second norm reads the stream before attention, which has another name.
bool sequential_second_norm(const TransformerSpec& spec) {
  return normed_before(spec) && !spec.parallel_blocks;
}
bool unprojected_norm(const TransformerSpec& spec) {
  return spec.final_norm && spec.d_embedding == 0;
}

struct Alias {
  Point point;
  std::string_view name;  ///< below `blocks.{i}.` for points of a block
  Condition holds;
};

/// Names of TransformerBridge by point. An alias holds only in models where both names mean the
/// same tensor; a glob over a wrong alias would replace another value.
constexpr std::array<Alias, 30> kAliases = {{
    {Point::embed, "embed.hook_out", unscaled_embedding},
    {Point::pos_embed, "pos_embed.hook_out", holds_always},
    {Point::resid_pre, "hook_in", holds_always},
    {Point::resid_pre, "ln1.hook_in", normed_before},
    {Point::ln1_out, "attn.hook_in", normed_before},
    {Point::resid_pre, "attn.hook_in",
     [](const TransformerSpec& spec) { return !normed_before(spec); }},
    {Point::q, "attn.q.hook_out", plain_projections},
    {Point::k, "attn.k.hook_out", plain_projections},
    {Point::v, "attn.v.hook_out", plain_projections},
    {Point::q, "attn.qkv.q_hook_out", plain_projections},
    {Point::k, "attn.qkv.k_hook_out", plain_projections},
    {Point::v, "attn.qkv.v_hook_out", plain_projections},
    {Point::z, "attn.o.hook_in", holds_always},
    {Point::attn_out, "attn.o.hook_out", added_as_made},
    {Point::attn_out, "attn.hook_out", added_as_made},
    {Point::attn_out, "attn.hook_hidden_states", added_as_made},
    {Point::attn_out, "ln1_post.hook_out",
     [](const TransformerSpec& spec) {
       return spec.residual_scale == 1.0 && !added_as_made(spec);
     }},
    {Point::resid_mid, "ln2.hook_in", sequential_second_norm},
    {Point::ln2_out, "mlp.hook_in", own_second_norm},
    {Point::resid_mid, "mlp.hook_in",
     [](const TransformerSpec& spec) {
       return spec.norm_placement == NormPlacement::after_sublayer;
     }},
    {Point::mlp_pre, "mlp.gate.hook_out", is_gated},
    {Point::mlp_pre_linear, "mlp.in.hook_out", is_gated},
    {Point::mlp_pre, "mlp.in.hook_out", is_plain},
    {Point::mlp_post, "mlp.out.hook_in", is_dense},
    {Point::mlp_out, "mlp.out.hook_out",
     [](const TransformerSpec& spec) { return is_dense(spec) && added_as_made(spec); }},
    {Point::mlp_out, "mlp.hook_out", added_as_made},
    {Point::mlp_out, "ln2_post.hook_out",
     [](const TransformerSpec& spec) {
       return spec.residual_scale == 1.0 && !added_as_made(spec);
     }},
    {Point::resid_post, "hook_out",
     [](const TransformerSpec& spec) { return spec.norm_placement != NormPlacement::after_add; }},
    {Point::normalized_resid_post, "hook_out",
     [](const TransformerSpec& spec) { return spec.norm_placement == NormPlacement::after_add; }},
    {Point::unembed_in, "ln_final.hook_out", unprojected_norm},
}};

/// Names of `get_act_name` that differ from the hook's name after `hook_`.
constexpr std::array<std::pair<std::string_view, std::string_view>, 8> kShort = {{
    {"attn", "pattern"},
    {"attn_logits", "attn_scores"},
    {"query", "q"},
    {"key", "k"},
    {"value", "v"},
    {"mlp_pre", "pre"},
    {"mlp_mid", "mid"},
    {"mlp_post", "post"},
}};

/// Sublayers that a short name implies without its letter: `k6` is in attention.
constexpr std::array<std::string_view, 9> kOfAttention = {
    "q", "k", "v", "z", "rot_q", "rot_k", "result", "pattern", "attn_scores"};
constexpr std::array<std::string_view, 4> kOfMlp = {"pre", "post", "mid", "pre_linear"};

template <std::size_t n>
bool contains(const std::array<std::string_view, n>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// Sublayer that a letter or word at the end of a short name means, such as `a` in `scale4a`.
std::string_view sublayer(std::string_view type) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 6> kTypes = {{
      {"a", "attn"},
      {"m", "mlp"},
      {"attention", "attn"},
      {"b", ""},
      {"block", ""},
      {"blocks", ""},
  }};
  for (const auto& [given, meant] : kTypes)
    if (type == given) return meant;
  return type;
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_word(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(),
                                      [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; });
}

}  // namespace

std::vector<std::string> aliases_of(const TransformerSpec& spec, Point point, std::int64_t layer) {
  std::vector<std::string> names;
  for (const Alias& alias : kAliases)
    if (alias.point == point && alias.holds(spec))
      names.push_back((layer < 0 ? "" : "blocks." + std::to_string(layer) + ".") +
                      std::string(alias.name));
  return names;
}

/// Grammar: word, optional number of the block, optional sublayer, as in `get_act_name`.
std::optional<std::string> unabbreviated(std::string_view name) {
  // Positions of the number divide the name into its three parts, each of which may be empty.
  const auto digit = std::find_if(name.begin(), name.end(), is_digit);
  const auto end = std::find_if_not(digit, name.end(), is_digit);
  std::string_view word(name.begin(), digit);
  const std::string_view layer(digit, end);
  std::string type(end, name.end());
  if (!is_word(word) || word.starts_with("hook_")) return std::nullopt;
  for (const auto& [given, meant] : kShort)
    if (word == given) word = meant;
  // Points outside of blocks need no number.
  if (word == "embed" || word == "pos_embed") return "hook_" + std::string(word);
  const bool of_norm = word == "scale" || word == "normalized";
  if (of_norm && layer.empty()) return "ln_final.hook_" + std::string(word);
  if (contains(kOfAttention, word))
    type = "attn";
  else if (contains(kOfMlp, word))
    type = "mlp";
  else
    type = sublayer(type);
  if (of_norm && type.empty()) return std::nullopt;  // the norm is ambiguous
  return "blocks." + (layer.empty() ? std::string("*") : std::string(layer)) + "." +
         (type.empty() ? "" : type + ".") + "hook_" + std::string(word);
}

}  // namespace lensbench

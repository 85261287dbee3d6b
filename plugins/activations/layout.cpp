#include "layout.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>
#include <ATen/ops/where.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <lensbench/error.hpp>
#include <utility>

namespace lensbench::activations {
namespace {

/// Names of position axes in hook points and in archives. `batch_pos` is a joined axis.
constexpr std::array<std::pair<std::string_view, std::string_view>, 6> kAxes = {{
    {"pos", "token"},
    {"batch_pos", "token"},
    {"routed", "token"},
    {"query_pos", "query_position"},
    {"key_pos", "key_position"},
    // Not `image_token`, which shares its coordinate `case` with `token`: a result may have both.
    {"image_token", "picture_token"},
}};

/// Meanings of the hook points of an expert, by the end of their names.
constexpr std::array<std::pair<std::string_view, std::string_view>, 3> kMeaningsOfExpert = {{
    {"hook_gate", "expert's gate before its activation function"},
    {"hook_pre", "expert's linear branch of the gate"},
    {"hook_post", "expert after its activation function"},
}};

/// Meanings of hook points, by the end of their names. No ending is the end of another one.
constexpr std::array<std::pair<std::string_view, std::string_view>, 40> kMeanings = {{
    {"hook_embed", "token embedding"},
    {"hook_pos_embed", "position embedding"},
    {"hook_resid_pre", "residual stream that enters the block"},
    {"hook_resid_mid", "residual stream between attention and MLP"},
    {"hook_resid_post", "residual stream that leaves the block"},
    {"hook_attn_out", "output of attention, added to the residual stream"},
    {"hook_mlp_out", "output of the MLP, added to the residual stream"},
    {"hook_attn_in", "input of each head before the norm"},
    {"hook_q_input", "input of each head's query before the norm"},
    {"hook_k_input", "input of each head's key before the norm"},
    {"hook_v_input", "input of each head's value before the norm"},
    {"hook_mlp_in", "input of the MLP before its norm"},
    {"hook_scale", "divisor of the norm"},
    {"hook_normalized", "normalised input before gain and bias"},
    {"hook_q", "query, before rotary positions (after them in latent attention)"},
    {"hook_k", "key, before rotary positions (after them in latent attention)"},
    {"hook_v", "value"},
    {"hook_rot_q", "query after rotary positions"},
    {"hook_rot_k", "key after rotary positions"},
    {"hook_q_latent", "vector that the queries of all heads are made of"},
    {"hook_kv_latent", "vector that the keys and values of all heads are made of"},
    {"hook_attn_scores", "attention score before softmax (negative infinity: masked)"},
    {"hook_pattern", "attention probability"},
    {"hook_z", "values weighted by the pattern"},
    {"hook_result", "output of each head, without the bias"},
    {"hook_pre", "MLP before its activation function"},
    {"hook_pre_linear", "MLP linear branch of the gate"},
    {"hook_post", "MLP after its activation function"},
    {"hook_router_scores", "router's score of each expert"},
    {"hook_expert_weights", "weight of each expert"},
    {"hook_expert_indices", "experts chosen for the token"},
    {"unembed.hook_in", "input of the unembedding"},
    {"unembed.hook_out", "logits, natural logarithm"},
    {"hook_full_embed", "sum of the embeddings, normalised"},
    {"hook_normalized_resid_post", "residual stream that leaves the block, normalised"},
    {"hook_token_type_embed", "embedding of the token type"},
    {"hook_patch_embed", "embedding of the patch"},
    {"hook_merged_embed", "token embedding, or what the vision tower made of a picture"},
    {"vision_projector.hook_in", "stream that leaves the vision tower"},
    {"vision_projector.hook_out", "token of a picture that the text model reads"},
}};

/// Axis of an archive; axes without positions keep their names.
std::string archive_axis(const std::string& dim) {
  for (const auto& [own, archived] : kAxes)
    if (dim == own) return std::string(archived);
  return dim;
}

/// Axis that `positions` selects on: tokens, or queries where keys have a separate axis.
std::int64_t position_axis(const std::vector<std::string>& dims) {
  for (const char* name : {"token", "query_position"}) {
    const auto found = std::find(dims.begin(), dims.end(), name);
    if (found != dims.end()) return found - dims.begin();
  }
  return -1;
}

constexpr std::string_view kExperts = ".experts.";

bool is_of_expert(const HookPoint& point) {
  return point.name.find(kExperts) != std::string::npos;
}

/// One row for each token, NaN for tokens that went to other experts.
/// The rows that chose an expert are in token order, as the forward selected them.
at::Tensor by_token(const HookPoint& point, const at::Tensor& routed, const at::Tensor& experts) {
  const std::string_view number =
      std::string_view(point.name).substr(point.name.find(kExperts) + kExperts.size());
  std::int64_t expert = -1;
  std::from_chars(number.data(), number.data() + number.size(), expert);
  const at::Tensor rows = at::where(experts.eq(expert))[0];
  return at::full({experts.size(0), routed.size(1)}, std::nan(""), routed.options())
      .index_copy(0, rows, routed);
}

}  // namespace

bool is_of_tower(const HookPoint& point) {
  return point.name.starts_with("vision_");
}

std::optional<std::string> routing_of(const HookPoint& point) {
  if (!is_of_expert(point)) return std::nullopt;
  return point.name.substr(0, point.name.find(kExperts)) + ".hook_expert_indices";
}

Layout lay_out(const HookPoint& point, const at::Tensor& activation, const at::Tensor& experts,
               ActivationPositions positions) {
  Layout layout{{}, experts.defined() ? by_token(point, activation, experts) : activation};
  for (const std::string& dim : point.dims)
    // Rows of experts and of the router have joined batch and position already.
    if (dim == "batch")
      layout.values = layout.values.select(static_cast<std::int64_t>(layout.dims.size()), 0);
    else
      layout.dims.push_back(archive_axis(dim));
  const std::int64_t axis = position_axis(layout.dims);
  if (positions == ActivationPositions::last && axis >= 0)
    layout.values = layout.values.narrow(axis, layout.values.size(axis) - 1, 1);
  return layout;
}

at::Tensor stored_as(ActivationStore store, const HookPoint& point, const at::Tensor& values) {
  // Integers, such as chosen experts, are exact in any case.
  if (store == ActivationStore::float32 || !values.is_floating_point()) return values;
  // A value beyond 65504 would become infinite without notice.
  const at::Tensor half = values.to(at::kHalf);
  if (half.isinf().equal(values.isinf())) return half;
  throw UsageError(
      "activations: '" + point.name + "' holds " +
      std::to_string(values.masked_fill(values.isinf(), 0).abs().max().item<double>()) +
      ", beyond 65504, the largest of float16; use store=float32");
}

/// The kind of a point is the end of its name; block and expert are before it.
std::string meaning(const HookPoint& point) {
  const auto find = [&](const auto& meanings) -> std::string {
    for (const auto& [ending, text] : meanings)
      if (std::string_view(point.name).ends_with(ending))
        return std::string(text) +
               (point.layer < 0 ? "" : ", block " + std::to_string(point.layer)) +
               (point.layer < 0 || !is_of_tower(point) ? "" : " of the vision tower");
    return "activation at " + point.name;
  };
  if (is_of_expert(point))
    return find(kMeaningsOfExpert) + "; NaN for tokens that went to other experts";
  return find(kMeanings);
}

void add_missing_coordinates(Dataset& dataset, std::int64_t n_tokens,
                             ActivationPositions positions) {
  const auto dims = dataset.dims();  // a copy: the dataset grows
  for (const auto& [dim, length] : dims) {
    // `one` is the last axis of scales, of length 1.
    if (dim == "one" || dataset.contains(dim)) continue;
    const bool cut = dim == "query_position" && positions == ActivationPositions::last;
    const std::int64_t first = cut ? n_tokens - 1 : 0;
    dataset.add_coordinate(dim, at::arange(first, first + length, at::kInt),
                           "index along " + dim + ", counted from 0");
  }
}

}  // namespace lensbench::activations

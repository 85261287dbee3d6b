#include "model/weights/weight_names.hpp"

#include <array>
#include <charconv>
#include <lensbench/error.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "model/forward/linear.hpp"
#include "model/weights/quantized_tensor.hpp"

namespace lensbench {
namespace {

using Found = std::optional<at::Tensor>;

/// [d_model, n * d_head] -> [n, d_model, d_head], a view.
at::Tensor by_head_in(const at::Tensor& weight, std::int64_t d_head) {
  return weight.view({weight.size(0), weight.size(1) / d_head, d_head}).transpose(0, 1);
}

/// [n * d_head, d_model] -> [n, d_head, d_model], a view.
at::Tensor by_head_out(const at::Tensor& weight, std::int64_t d_head) {
  return weight.view({weight.size(0) / d_head, d_head, weight.size(1)});
}

at::Tensor bias_by_head(const at::Tensor& bias, std::int64_t d_head) {
  return bias.defined() ? bias.view({bias.size(0) / d_head, d_head}) : bias;
}

/// A bias that a norm lacks is an undefined tensor, a norm that the model lacks is an error.
Found norm_weight(const NormWeights& norm, std::string_view part) {
  if (!norm.gain.defined()) return std::nullopt;
  if (part == "w") return norm.gain;
  if (part == "b") return norm.bias;
  return std::nullopt;
}

/// Part of q, k or v in a matrix [in, kv_head * (group + 2) * d_head] or in its bias
/// [kv_head * (group + 2) * d_head], as [in, head, d_head] or [head, d_head].
at::Tensor part_of_fused(const AttentionSpec& spec, const at::Tensor& fused, char letter) {
  if (!fused.defined()) return fused;
  const std::int64_t group = spec.n_heads / spec.n_key_value_heads;
  // The queries of all groups are not a view, so those of a quantized matrix are made here.
  const at::Tensor groups = fused_groups(spec, letter == 'Q' ? readable(fused) : fused);
  if (letter == 'Q') return groups.narrow(-2, 0, group).flatten(-3, -2);
  return groups.select(-2, letter == 'K' ? group : group + 1);
}

/// Names of TransformerLens: `W_Q` [head, d_model, d_head], `b_Q` [head, d_head].
Found fused_weight(const AttentionSpec& spec, const Linear& fused, std::string_view part) {
  if (part.size() != 3 || part[1] != '_' || std::string_view("QKV").find(part[2]) == part.npos)
    return std::nullopt;
  if (part[0] == 'W') return part_of_fused(spec, fused.weight, part[2]).transpose(0, 1);
  if (part[0] == 'b') return part_of_fused(spec, fused.bias, part[2]);
  return std::nullopt;
}

/// Weight of latent attention by the names of its modules, in right-multiplying form.
Found latent_weight(const LatentWeights& latent, std::string_view part) {
  const bool compressed = latent.query_in.weight.defined();
  const std::array<std::pair<std::string_view, const Linear*>, 4> projections = {
      {{"q_a_proj.", &latent.query_in},
       {compressed ? "q_b_proj." : "q_proj.", &latent.query_out},
       {"kv_a_proj_with_mqa.", &latent.key_value_in},
       {"kv_b_proj.", &latent.key_value_out}}};
  for (const auto& [name, layer] : projections) {
    if (!part.starts_with(name) || !layer->weight.defined()) continue;
    if (part.substr(name.size()) == "W") return layer->weight;
    if (part.substr(name.size()) == "b") return layer->bias;
  }
  constexpr std::string_view query = "q_a_layernorm.", key_value = "kv_a_layernorm.";
  if (part.starts_with(query)) return norm_weight(latent.query_norm, part.substr(query.size()));
  if (part.starts_with(key_value))
    return norm_weight(latent.key_value_norm, part.substr(key_value.size()));
  return std::nullopt;
}

/// Weights by head in the shapes of TransformerLens, as views of the stored matrices: `W_Q` [head,
/// d_model, d_head], `W_O` [head, d_head, d_model]. Keys and values of grouped models have
/// key-value heads on that axis.
Found attention_weight(const TransformerSpec& spec, const BlockWeights& block,
                       std::string_view part) {
  const std::int64_t d = spec.attention.d_head;
  if (part == "W_O") return by_head_out(block.o.weight, spec.d_value());
  if (part == "b_O") return block.o.bias;
  if (part == "sinks" && block.sinks.defined()) return block.sinks;
  if (spec.latent) return latent_weight(block.latent, part);
  if (spec.attention.fused_by_group) return fused_weight(spec.attention, block.qkv, part);
  const std::array<std::pair<std::string_view, const Linear*>, 3> inputs = {
      {{"Q", &block.q}, {"K", &block.k}, {"V", &block.v}}};
  for (const auto& [letter, layer] : inputs) {
    if (part == "W_" + std::string(letter)) return by_head_in(layer->weight, d);
    if (part == "b_" + std::string(letter)) return bias_by_head(layer->bias, d);
  }
  constexpr std::string_view q_norm = "q_norm.", k_norm = "k_norm.";
  if (part.substr(0, q_norm.size()) == q_norm)
    return norm_weight(block.q_norm, part.substr(q_norm.size()));
  if (part.substr(0, k_norm.size()) == k_norm)
    return norm_weight(block.k_norm, part.substr(k_norm.size()));
  return std::nullopt;
}

/// Reads the number at the start of `rest` and removes it; nullopt unless 0 <= number < end.
std::optional<std::size_t> leading_index(std::string_view& rest, std::size_t end) {
  std::size_t index = 0;
  const auto [after, fault] = std::from_chars(rest.data(), rest.data() + rest.size(), index);
  if (fault != std::errc() || index >= end) return std::nullopt;
  rest.remove_prefix(static_cast<std::size_t>(after - rest.data()));
  return index;
}

/// Weight or bias of an expert, named after `.`.
Found expert_weight(const ExpertWeights& expert, std::string_view part) {
  if (part == ".W_gate" && expert.gate.weight.defined()) return expert.gate.weight;
  if (part == ".b_gate" && expert.gate.weight.defined()) return expert.gate.bias;
  if (part == ".W_in") return expert.in.weight;
  if (part == ".b_in") return expert.in.bias;
  if (part == ".W_out") return expert.out.weight;
  if (part == ".b_out") return expert.out.bias;
  return std::nullopt;
}

/// Weight of a mixture: `W_gate` is the router; `experts.{e}.W_gate` and so on belong to an expert,
/// `shared_expert.W_gate` to that of every token, whose share comes from `shared_expert_gate.W`.
Found mixture_weight(const BlockWeights& block, std::string_view part) {
  constexpr std::string_view experts = "experts.", shared = "shared_expert";
  if (part == "W_gate") return block.router.weight;
  if (part == "b_gate") return block.router.bias;
  if (part == "router_correction" && block.router_correction.defined())
    return block.router_correction;
  if (part.starts_with(shared) && block.shared_expert.in.weight.defined()) {
    if (part == "shared_expert_gate.W" && block.shared_expert_gate.weight.defined())
      return block.shared_expert_gate.weight;
    return expert_weight(block.shared_expert, part.substr(shared.size()));
  }
  if (part.substr(0, experts.size()) != experts) return std::nullopt;
  part.remove_prefix(experts.size());
  const auto index = leading_index(part, block.experts.size());
  if (!index) return std::nullopt;
  return expert_weight(block.experts[*index], part);
}

/// Right-multiplying form, [in, out], as in TransformerLens.
Found mlp_weight(const BlockWeights& block, std::string_view part) {
  if (block.router.weight.defined()) return mixture_weight(block, part);
  if (part == "W_in") return block.in.weight;
  if (part == "b_in") return block.in.bias;
  if (part == "W_out") return block.out.weight;
  if (part == "b_out") return block.out.bias;
  if (part == "W_gate" && block.gate.weight.defined()) return block.gate.weight;
  if (part == "b_gate" && block.gate.weight.defined()) return block.gate.bias;
  return std::nullopt;
}

/// `rest` begins after `blocks.`: number, dot, module, dot, part.
Found block_weight(const TransformerSpec& spec, const ModelWeights& weights,
                   std::string_view rest) {
  const auto layer = leading_index(rest, weights.blocks.size());
  const std::size_t dot = rest.find('.', 1);
  if (!layer || rest.empty() || rest.front() != '.' || dot == std::string_view::npos)
    return std::nullopt;
  const std::string_view module = rest.substr(1, dot - 1), part = rest.substr(dot + 1);
  const BlockWeights& block = weights.blocks[*layer];
  if (module == "attn") return attention_weight(spec, block, part);
  if (module == "mlp") return mlp_weight(block, part);
  if (module == "ln1") return norm_weight(block.ln1, part);
  if (module == "ln2") return norm_weight(block.ln2, part);
  if (module == "ln1_post") return norm_weight(block.ln1_post, part);
  if (module == "ln2_post") return norm_weight(block.ln2_post, part);
  return std::nullopt;
}

/// `rest` begins after `vision_encoder.blocks.`. Queries, keys and values are one stored matrix.
Found tower_block_weight(const VisionSpec& spec, const TowerWeights& tower, std::string_view rest) {
  const auto layer = leading_index(rest, tower.blocks.size());
  if (!layer || rest.empty() || rest.front() != '.') return std::nullopt;
  rest.remove_prefix(1);
  const TowerBlockWeights& block = tower.blocks[*layer];
  constexpr std::string_view attention = "attn.", mlp = "mlp.", first = "ln1.", second = "ln2.";
  if (rest.starts_with(first)) return norm_weight(block.norm1, rest.substr(first.size()));
  if (rest.starts_with(second)) return norm_weight(block.norm2, rest.substr(second.size()));
  BlockWeights parts;
  if (rest.starts_with(mlp)) {
    parts.gate = block.gate;
    parts.in = block.in;
    parts.out = block.out;
    return mlp_weight(parts, rest.substr(mlp.size()));
  }
  if (!rest.starts_with(attention)) return std::nullopt;
  TransformerSpec heads;
  heads.attention.d_head = spec.d_head();
  parts.q = columns(block.qkv, 0, spec.d_model);
  parts.k = columns(block.qkv, spec.d_model, spec.d_model);
  parts.v = columns(block.qkv, 2 * spec.d_model, spec.d_model);
  parts.o = block.o;
  return attention_weight(heads, parts, rest.substr(attention.size()));
}

Found tower_weight(const VisionSpec& spec, const TowerWeights& tower, std::string_view name) {
  constexpr std::string_view blocks = "vision_encoder.blocks.", norm = "vision_projector.ln.";
  if (name == "vision_encoder.patch_embed.W") return tower.patch_embed.weight;
  if (name == "vision_projector.W_in") return tower.merger_in.weight;
  if (name == "vision_projector.b_in") return tower.merger_in.bias;
  if (name == "vision_projector.W_out") return tower.merger_out.weight;
  if (name == "vision_projector.b_out") return tower.merger_out.bias;
  if (name.starts_with(norm)) return norm_weight(tower.merger_norm, name.substr(norm.size()));
  if (name.starts_with(blocks)) return tower_block_weight(spec, tower, name.substr(blocks.size()));
  return std::nullopt;
}

/// nullopt for a name that the model lacks; an undefined tensor for a bias that its layer lacks.
Found find_weight(const TransformerSpec& spec, const ModelWeights& weights, std::string_view name) {
  constexpr std::string_view blocks = "blocks.", final_norm = "ln_final.",
                             embedding_norm = "embed.ln.";
  if (name == "embed.W_E") return weights.embedding;
  if (name == "pos_embed.W_pos" && weights.positions.defined())
    // The rows before the first position (OPT, RoBERTa) are left out.
    return weights.positions.narrow(0, spec.position_offset, spec.max_positions);
  if (name == "embed.token_type_embed.W_token_type" && weights.token_types.defined())
    return weights.token_types;
  if (name == "embed.W_proj" && weights.project_in.weight.defined())
    return weights.project_in.weight;
  if (name == "unembed.W_proj" && weights.project_out.weight.defined())
    return weights.project_out.weight;
  if (name == "mlm_head.W" && weights.prediction_head.weight.defined())
    return weights.prediction_head.weight;
  if (name == "mlm_head.b" && weights.prediction_head.weight.defined())
    return weights.prediction_head.bias;
  if (name.substr(0, embedding_norm.size()) == embedding_norm)
    return norm_weight(weights.ln_embed, name.substr(embedding_norm.size()));
  // The only matrix that is stored the other way round: [vocab, d_model].
  if (name == "unembed.W_U") return weights.unembedding.weight.t();
  if (name == "unembed.b_U") return weights.unembedding.bias;
  if (name.substr(0, final_norm.size()) == final_norm)
    return norm_weight(weights.ln_final, name.substr(final_norm.size()));
  if (name.substr(0, blocks.size()) == blocks)
    return block_weight(spec, weights, name.substr(blocks.size()));
  if (spec.vision) return tower_weight(*spec.vision, weights.tower, name);
  return std::nullopt;
}

}  // namespace

/// Last axis divided into [kv_head, group + 2, d_head]: the queries of a group, its key, its value,
/// as the fused matrices of GPT-NeoX and Falcon store them.
at::Tensor fused_groups(const AttentionSpec& spec, const at::Tensor& fused) {
  const std::int64_t kv = spec.n_key_value_heads, group = spec.n_heads / kv;
  std::vector<std::int64_t> shape = fused.sizes().vec();
  shape.back() = kv;
  shape.insert(shape.end(), {group + 2, spec.d_head});
  return fused.view(shape);
}

at::Tensor named_weight(const TransformerSpec& spec, const ModelWeights& weights,
                        std::string_view name) {
  const Found found = find_weight(spec, weights, name);
  if (!found && spec.latent &&
      (name.ends_with(".W_Q") || name.ends_with(".W_K") || name.ends_with(".W_V")))
    throw UsageError("weight '" + std::string(name) + "': '" + spec.family +
                     "' makes the keys and values of all heads of one normalised vector, so a head "
                     "does not have such a matrix; use attn." +
                     (spec.latent->query_rank > 0 ? "q_b_proj" : "q_proj") +
                     ".W, attn.kv_a_proj_with_mqa.W or attn.kv_b_proj.W");
  if (!found)
    throw UsageError("weight '" + std::string(name) + "': a " + spec.family + " model of " +
                     std::to_string(spec.n_layers) +
                     " layers lacks it; use TransformerLens names, for instance 'embed.W_E' or "
                     "'blocks.0.attn.W_Q'");
  return *found;
}

}  // namespace lensbench

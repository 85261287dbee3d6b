#include "heads.hpp"

#include <ATen/TensorOperators.h>

#include <algorithm>
#include <charconv>
#include <lensbench/error.hpp>
#include <memory>

namespace lensbench::surgery {
namespace {

std::string text_of(const SurgeryHead& head) {
  return std::to_string(head.block) + ":" + std::to_string(head.head);
}

/// `block:head`. \throws UsageError for anything else
SurgeryHead head_of(const std::string& item) {
  SurgeryHead head;
  const char* end = item.data() + item.size();
  const auto block = std::from_chars(item.data(), end, head.block);
  if (block.ec == std::errc() && block.ptr != end && *block.ptr == ':') {
    const auto index = std::from_chars(block.ptr + 1, end, head.head);
    if (index.ec == std::errc() && index.ptr == end) return head;
  }
  throw UsageError("layer_surgery: heads has '" + item +
                   "', expected block and head such as 1:0,1:3");
}

void check_head(const TransformerSpec& spec, const SurgeryHead& head) {
  if (head.block < 0 || head.block >= spec.n_layers || head.head < 0 ||
      head.head >= spec.attention.n_heads)
    throw UsageError("layer_surgery: head " + text_of(head) + " does not exist; give block 0 to " +
                     std::to_string(spec.n_layers - 1) + " and head 0 to " +
                     std::to_string(spec.attention.n_heads - 1));
}

/// Query heads that share one key-value head.
std::int64_t group_size(const TransformerSpec& spec) {
  return spec.attention.n_heads / spec.attention.n_key_value_heads;
}

/// Heads can be merged if no other head reads the weights that change.
void check_pair(const TransformerSpec& spec, const SurgeryHead& i, const SurgeryHead& j) {
  check_head(spec, i);
  check_head(spec, j);
  if (i.block != j.block || i.head == j.head)
    throw UsageError("layer_surgery: heads " + text_of(i) + " and " + text_of(j) +
                     " cannot be merged; give two heads of one block");
  if (spec.latent)
    throw UsageError("layer_surgery: '" + spec.family +
                     "' makes the keys and values of all heads of one latent vector, so heads do "
                     "not have matrices of their own to merge; use another model");
  if (spec.attention.query_key_norm_whole)
    throw UsageError("layer_surgery: a '" + spec.family +
                     "' model normalises the queries of all heads together, so merging two heads "
                     "changes all others; use another model");
  const std::int64_t group = group_size(spec);
  if (group > 1 && i.head / group != j.head / group)
    throw UsageError("layer_surgery: heads " + text_of(i) + " and " + text_of(j) +
                     " read different key-value heads (" + std::to_string(i.head / group) +
                     " and " + std::to_string(j.head / group) +
                     "), which other heads read too; give two heads of one group of " +
                     std::to_string(group));
}

/// A weight with the head on its first axis, merged.
at::Tensor merged(const at::Tensor& weight, std::int64_t i, std::int64_t j, double alpha) {
  at::Tensor out = weight.clone();
  // The second head is empty afterwards: the merged one does the work of both.
  out[i].copy_(weight[i] * alpha + weight[j] * (1 - alpha));
  if (j != i) out[j].zero_();
  return out;
}

}  // namespace

std::vector<std::pair<SurgeryHead, SurgeryHead>> parse_heads(
    const std::vector<std::string>& items) {
  if (items.size() % 2 != 0)
    throw UsageError("layer_surgery: heads has " + std::to_string(items.size()) +
                     " heads, expected pairs such as 1:0,1:3");
  std::vector<std::pair<SurgeryHead, SurgeryHead>> pairs;
  for (std::size_t k = 0; k < items.size(); k += 2)
    pairs.emplace_back(head_of(items[k]), head_of(items[k + 1]));
  return pairs;
}

/// Keys and values of a group belong to all its heads, so they stay.
std::vector<WeightChange> merged_weights(const Model& model, const SurgeryHead& i,
                                         const SurgeryHead& j, double alpha) {
  const std::string block = "blocks." + std::to_string(i.block) + ".attn.";
  std::vector<const char*> names = {"W_Q", "b_Q", "W_O"};
  if (group_size(model.spec()) == 1) names.insert(names.end(), {"W_K", "b_K", "W_V", "b_V"});
  std::vector<WeightChange> changes;
  for (const char* name : names)
    // Projections without biases give undefined tensors.
    if (const at::Tensor weight = model.weight(block + name); weight.defined())
      changes.push_back({block + name, merged(weight, i.head, j.head, alpha)});
  return changes;
}

/// Blocks before `first` are unchanged, so the stream of the unchanged model enters.
at::Tensor run_from(const Model& view, const Window& window, std::int64_t first) {
  ForwardOptions options;
  options.logits = ForwardOptions::Logits::none;
  options.start_at_layer = first;
  options.residual = window.streams[static_cast<std::size_t>(first)];
  return view.forward(window.batch, options).residual;
}

/// The head writes nothing: its z is zero, while the output bias of attention stays.
at::Tensor run_without_head(const Model& model, const Window& window, const SurgeryHead& head) {
  ForwardOptions options;
  options.logits = ForwardOptions::Logits::none;
  options.start_at_layer = head.block;
  options.residual = window.streams[static_cast<std::size_t>(head.block)];
  Hooks hooks;
  hooks.replace("blocks." + std::to_string(head.block) + ".attn.hook_z",
                [&](const at::Tensor& z, const HookPoint&) {
                  at::Tensor out = z.clone();
                  out.select(2, head.head).zero_();
                  return out;
                });
  return model.forward(window.batch, options, hooks).residual;
}

namespace {

Variant merged_variant(const SharedModel& model, const SurgeryHead& i, const SurgeryHead& j,
                       double alpha) {
  // The view shares all other weights with the model.
  const auto changes = merged_weights(*model, i, j, alpha);
  return {.label = "merge " + text_of(i) + " and " + text_of(j),
          .first = i.block,
          .block = i.block,
          .run = [view = with_weights(model, changes),
                  first = i.block](const Window& w) { return run_from(*view, w, first); },
          .weight_changes = weight_changes_to_json(changes)};
}

}  // namespace

/// Two variants for each pair: what the merge loses has to be compared with the loss of one head.
std::vector<Variant> head_variants(const SharedModel& model, const LayerSurgeryOptions& options) {
  if (options.heads.empty())
    throw UsageError("layer_surgery: merge_heads needs pairs of heads; give heads=1:0,1:3");
  std::vector<Variant> variants;
  for (const auto& [i, j] : options.heads) {
    check_pair(model->spec(), i, j);
    if (std::count(options.heads.begin(), options.heads.end(), std::pair(i, j)) > 1)
      throw UsageError("layer_surgery: heads has the pair " + text_of(i) + "," + text_of(j) +
                       " twice; give it once");
    variants.push_back(merged_variant(model, i, j, options.alpha));
    variants.push_back(
        {.label = "ablate " + text_of(j),
         .first = j.block,
         .block = j.block,
         .run = [model, head = j](const Window& w) { return run_without_head(*model, w, head); }});
  }
  return variants;
}

}  // namespace lensbench::surgery

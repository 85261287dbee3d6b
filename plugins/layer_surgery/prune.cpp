#include "prune.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>
#include <lensbench/error.hpp>
#include <sstream>

namespace lensbench::surgery {
namespace {

std::string text_of(double fraction) {
  std::ostringstream text;
  text << fraction;
  return text.str();
}

}  // namespace

/// The blocks before the first mask are not run again.
at::Tensor run_pruned(const Model& model, const Window& window, const PruneMasks& masks) {
  std::int64_t first = model.spec().n_layers;
  Hooks hooks;
  for (std::size_t block = 0; block < masks.pruned.size(); ++block) {
    const at::Tensor& mask = masks.pruned[block];
    if (!mask.defined()) continue;
    first = std::min(first, static_cast<std::int64_t>(block));
    const std::string name = "blocks." + std::to_string(block);
    hooks.replace(name + (masks.heads ? ".attn.hook_z" : ".mlp.hook_post"),
                  [&masks, mask](const at::Tensor& value, const HookPoint&) {
                    const at::Tensor own = mask.to(value.device());
                    return value.masked_fill(masks.heads ? own.unsqueeze(-1) : own, 0);
                  });
  }
  const at::Tensor& stream = window.streams[static_cast<std::size_t>(first)];
  if (first == model.spec().n_layers) return stream;
  ForwardOptions options;
  options.logits = ForwardOptions::Logits::none;
  options.start_at_layer = first;
  options.residual = stream;
  return model.forward(window.batch, options, hooks).residual;
}

/// One mask for each block that loses parts; others stay undefined and cost nothing.
PruneMasks masks_of(const TransformerSpec& spec, const Ranking& ranking, std::int64_t count,
                    bool heads) {
  PruneMasks masks{heads, std::vector<at::Tensor>(static_cast<std::size_t>(spec.n_layers))};
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t flat = ranking.order[static_cast<std::size_t>(i)];
    const std::int64_t block =
        ranking.blocks[static_cast<std::size_t>(flat / ranking.parts_per_block)];
    at::Tensor& mask = masks.pruned[static_cast<std::size_t>(block)];
    if (!mask.defined()) mask = at::zeros({ranking.parts_per_block}, at::kBool);
    mask[flat % ranking.parts_per_block] = true;
  }
  return masks;
}

std::int64_t share_of(double fraction, std::int64_t parts) {
  // The product of a decimal fraction may be just below the whole number that it means.
  return static_cast<std::int64_t>(std::floor(fraction * static_cast<double>(parts) + 1e-9));
}

std::string random_name(std::int64_t draw) {
  return "random " + std::to_string(draw + 1);
}

namespace {

/// The orders of the request by their names, then random ones.
std::vector<std::pair<std::string, Ranking>> rankings_of(const Model& model,
                                                         const std::vector<Tokens>& texts,
                                                         const LayerSurgeryOptions& options,
                                                         std::uint64_t seed) {
  std::vector<std::pair<std::string, Ranking>> rankings;
  for (const std::string& by : options.by)
    // A random order that is asked for by name takes the number after those of the comparison.
    rankings.emplace_back(by, ranked(model, texts, by, options, seed, options.draws));
  for (std::int64_t draw = 0; draw < options.draws; ++draw)
    rankings.emplace_back(random_name(draw), ranked(model, texts, "random", options, seed, draw));
  return rankings;
}

}  // namespace

/// Random orders show what any loss of parts costs; an order is useful only if it does better.
std::vector<Variant> prune_variants(const SharedModel& model, const std::vector<Tokens>& texts,
                                    const LayerSurgeryOptions& options, std::uint64_t seed) {
  const bool heads = options.parts == "heads";
  std::vector<Variant> variants;
  // The order of variants is that of the axes of `pruned_loss`.
  for (const auto& [name, ranking] : rankings_of(*model, texts, options, seed))
    for (const double fraction : options.fractions) {
      const auto count = share_of(fraction, std::ssize(ranking.order));
      const PruneMasks masks = masks_of(model->spec(), ranking, count, heads);
      const auto first = std::find_if(masks.pruned.begin(), masks.pruned.end(),
                                      [](const at::Tensor& mask) { return mask.defined(); });
      variants.push_back({.label = "prune " + text_of(fraction) + " by " + name,
                          .first = first - masks.pruned.begin(),
                          .run = [model, masks](const Window& window) {
                            return run_pruned(*model, window, masks);
                          }});
    }
  return variants;
}

namespace {

/// Refuses shares that are repeated, or all so small that the model would not change.
void check_fractions(const TransformerSpec& spec, const LayerSurgeryOptions& options) {
  const std::int64_t parts =
      std::ssize(chosen_blocks(spec, options)) * parts_per_block(spec, options.parts == "heads");
  for (std::size_t i = 0; i < options.fractions.size(); ++i) {
    const double fraction = options.fractions[i];
    if (!(fraction > 0 && fraction <= 1))
      throw UsageError("layer_surgery: fractions has " + text_of(fraction) +
                       ", expected shares above 0 up to 1");
    if (std::count(options.fractions.begin(), options.fractions.end(), fraction) > 1)
      throw UsageError("layer_surgery: fractions has " + text_of(fraction) +
                       " twice; give it once");
  }
  const double largest = *std::max_element(options.fractions.begin(), options.fractions.end());
  if (share_of(largest, parts) == 0)
    throw UsageError("layer_surgery: the largest share in fractions is " + text_of(largest) +
                     ", which is none of " + std::to_string(parts) + " " + options.parts +
                     "; give a larger share or more blocks");
}

}  // namespace

namespace {

void check_parts(const TransformerSpec& spec, const LayerSurgeryOptions& options) {
  if (options.parts == "heads") {
    if (std::find(options.by.begin(), options.by.end(), "frequency") != options.by.end())
      throw UsageError(
          "layer_surgery: heads are never inactive, so they cannot be pruned by frequency; give "
          "by=contribution, weight_norm or random");
    return;
  }
  if (options.parts != "neurons")
    throw UsageError("layer_surgery: parts is '" + options.parts + "', expected neurons or heads");
  if (spec.mlp.n_experts > 0)
    throw UsageError("layer_surgery: the neurons of a mixture of experts ('" + spec.family +
                     "') see their routed tokens only and are not pruned; give parts=heads");
}

}  // namespace

void check_prune(const TransformerSpec& spec, const LayerSurgeryOptions& options) {
  chosen_blocks(spec, options);
  if (options.by.empty() || options.fractions.empty())
    throw UsageError("layer_surgery: prune needs an order in by and shares in fractions");
  check_fractions(spec, options);
  if (options.draws < 0)
    throw UsageError("layer_surgery: draws is " + std::to_string(options.draws) +
                     ", expected 0 or more");
  for (const std::string& by : options.by)
    if (by != "frequency" && by != "weight_norm" && by != "contribution" && by != "random")
      throw UsageError("layer_surgery: by has '" + by +
                       "', expected frequency, weight_norm, contribution or random");
  check_parts(spec, options);
}

}  // namespace lensbench::surgery

#include "prune.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/einsum.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>
#include <lensbench/error.hpp>
#include <lensbench/random.hpp>
#include <lensbench/statistics.hpp>
#include <numeric>
#include <sstream>

namespace lensbench::surgery {
namespace {

/// Share of its own root mean square above which the activation of a neuron counts as active.
constexpr double kActive = 0.1;

/// Streams of random numbers, one for each random order.
constexpr std::uint64_t kFirstStream = 0x5055;

using ReadBlock = std::function<void(std::size_t block, const at::Tensor& activation)>;

/// Reads the activations [token, part, ...] of one hook point of each block, in float64, over
/// texts.
void read_over(const Model& model, const std::vector<Tokens>& texts,
               const std::vector<std::int64_t>& blocks, const std::string& hook,
               const ReadBlock& read) {
  ForwardOptions options;
  options.logits = ForwardOptions::Logits::none;
  for (const Tokens& text : texts) {
    Hooks hooks;
    for (std::size_t i = 0; i < blocks.size(); ++i)
      hooks.read("blocks." + std::to_string(blocks[i]) + "." + hook,
                 [&, i](const at::Tensor& value, const HookPoint&) {
                   read(i, value[0].to(at::kCPU).to(at::kDouble));
                 });
    model.forward(make_batch(text), options, hooks);
  }
}

std::string weight_name(std::int64_t block, const char* part) {
  return "blocks." + std::to_string(block) + "." + part;
}

at::Tensor wide(const at::Tensor& weight) {
  return weight.to(at::kCPU).to(at::kDouble);
}

/// W_V W_O of each head as a Frobenius norm, [head], from [d_head, d_head] products.
/// |A B|^2 = sum (A^T A) * (B B^T) for A = W_V, B = W_O: products [d_head, d_head] only.
at::Tensor head_norms(const Model& model, std::int64_t block) {
  const at::Tensor w_o = wide(model.weight(weight_name(block, "attn.W_O")));
  at::Tensor w_v = wide(model.weight(weight_name(block, "attn.W_V")));
  w_v = w_v.repeat_interleave(w_o.size(0) / w_v.size(0), 0);
  const at::Tensor a = w_v.transpose(1, 2).matmul(w_v), b = w_o.matmul(w_o.transpose(1, 2));
  return (a * b).sum({1, 2}).clamp_min(0).sqrt();
}

/// |W_in[:, n]| |W_out[n]| of each neuron, which does not change when one is scaled up and the
/// other down.
at::Tensor neuron_norms(const Model& model, std::int64_t block) {
  return wide(model.weight(weight_name(block, "mlp.W_in"))).norm(2, 0) *
         wide(model.weight(weight_name(block, "mlp.W_out"))).norm(2, 1);
}

std::vector<at::Tensor> weight_norms(const Model& model, const std::vector<std::int64_t>& blocks,
                                     bool heads) {
  std::vector<at::Tensor> out;
  out.reserve(blocks.size());
  for (const std::int64_t block : blocks)
    out.push_back(heads ? head_norms(model, block) : neuron_norms(model, block));
  return out;
}

/// Sums over tokens of the length of what a part adds to the stream. |z W_O|^2 = z (W_O W_O^T) z^T,
/// so that no row of the stream is made.
std::vector<at::Tensor> contributions(const Model& model, const std::vector<Tokens>& texts,
                                      const std::vector<std::int64_t>& blocks, bool heads) {
  std::vector<at::Tensor> factor, sum(blocks.size());
  for (const std::int64_t block : blocks) {
    const at::Tensor w = wide(model.weight(weight_name(block, heads ? "attn.W_O" : "mlp.W_out")));
    factor.push_back(heads ? w.matmul(w.transpose(1, 2)) : w.norm(2, 1));
  }
  read_over(model, texts, blocks, heads ? "attn.hook_z" : "mlp.hook_post",
            [&](std::size_t i, const at::Tensor& a) {
              const at::Tensor length =
                  heads ? at::einsum("thd,hde,the->th", {a, factor[i], a}).clamp_min(0).sqrt()
                        : a.abs() * factor[i];
              sum[i] = sum[i].defined() ? sum[i] + length.sum(0) : length.sum(0);
            });
  return sum;
}

/// Numbers of tokens at which a neuron is active. The threshold is relative to the neuron itself,
/// which needs a first pass over the texts for its root mean square.
std::vector<at::Tensor> frequencies(const Model& model, const std::vector<Tokens>& texts,
                                    const std::vector<std::int64_t>& blocks) {
  std::vector<at::Tensor> squares(blocks.size()), active(blocks.size());
  const auto add = [](at::Tensor& sum, const at::Tensor& value) {
    sum = sum.defined() ? sum + value : value;
  };
  std::int64_t tokens = 0;
  for (const Tokens& text : texts) tokens += text.size();
  read_over(model, texts, blocks, "mlp.hook_post",
            [&](std::size_t i, const at::Tensor& a) { add(squares[i], a.pow(2).sum(0)); });
  read_over(model, texts, blocks, "mlp.hook_post", [&](std::size_t i, const at::Tensor& a) {
    const at::Tensor threshold = (squares[i] / static_cast<double>(tokens)).sqrt() * kActive;
    add(active[i], (a.abs() > threshold).to(at::kDouble).sum(0));
  });
  return active;
}

std::int64_t parts_per_block(const TransformerSpec& spec, bool heads) {
  return heads ? spec.attention.n_heads : spec.mlp.d_mlp;
}

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

/// All parts of the chosen blocks compete with each other, so a block may lose more than another.
Ranking ranked(const Model& model, const std::vector<Tokens>& texts, const std::string& by,
               const LayerSurgeryOptions& options, std::uint64_t seed, std::int64_t draw) {
  const bool heads = options.parts == "heads";
  Ranking ranking{chosen_blocks(model.spec(), options), parts_per_block(model.spec(), heads), {}};
  std::vector<double> measure;
  if (by == "random") {
    // A stream for each random order, so that its order does not depend on the number of orders.
    Philox random(seed, kFirstStream + static_cast<std::uint64_t>(draw));
    for (std::int64_t i = 0; i < std::ssize(ranking.blocks) * ranking.parts_per_block; ++i)
      measure.push_back(random.uniform());
  } else {
    const std::vector<at::Tensor> values =
        by == "frequency"      ? frequencies(model, texts, ranking.blocks)
        : by == "contribution" ? contributions(model, texts, ranking.blocks, heads)
                               : weight_norms(model, ranking.blocks, heads);
    measure = statistics::values_of(at::cat(values));
  }
  ranking.order.resize(measure.size());
  std::iota(ranking.order.begin(), ranking.order.end(), 0);
  // Stable: equal measures keep the order of blocks and parts.
  std::stable_sort(ranking.order.begin(), ranking.order.end(), [&](std::int64_t a, std::int64_t b) {
    return measure[static_cast<std::size_t>(a)] < measure[static_cast<std::size_t>(b)];
  });
  return ranking;
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

/// Random orders show what any loss of parts costs; an order is useful only if it does better.
std::vector<Variant> prune_variants(const SharedModel& model, const std::vector<Tokens>& texts,
                                    const LayerSurgeryOptions& options, std::uint64_t seed) {
  const bool heads = options.parts == "heads";
  std::vector<std::pair<std::string, Ranking>> rankings;
  for (const std::string& by : options.by)
    // A random order that is asked for by name takes the number after those of the comparison.
    rankings.emplace_back(by, ranked(*model, texts, by, options, seed, options.draws));
  for (std::int64_t draw = 0; draw < options.draws; ++draw)
    rankings.emplace_back(random_name(draw), ranked(*model, texts, "random", options, seed, draw));
  std::vector<Variant> variants;
  // The order of variants is that of the axes of `pruned_loss`.
  for (const auto& [name, ranking] : rankings)
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

}  // namespace lensbench::surgery

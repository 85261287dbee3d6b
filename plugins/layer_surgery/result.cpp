#include "result.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/tensor.h>

#include <array>
#include <lensbench/statistics.hpp>
#include <utility>

#include "common/number_text.hpp"
#include "orders.hpp"
#include "prune.hpp"

namespace lensbench::surgery {
namespace {

/// Places by which results are grouped; a block is at exactly one of them.
constexpr std::array<const char*, 3> kPlaces = {"first", "between", "last"};

/// Index of the place of a block; -1 for a variant that changes several.
std::int64_t place_of(std::int64_t block, std::int64_t n_layers) {
  if (block < 0) return -1;
  if (block == 0) return 0;
  return block + 1 == n_layers ? 2 : 1;
}

at::Tensor integers(const std::vector<std::int64_t>& values) {
  return at::tensor(values, at::kLong).to(at::kInt);
}

/// Means over variants, since a model reacts differently to changes at its ends.
void add_places(Dataset& dataset, const at::Tensor& increase, const std::vector<Variant>& variants,
                std::int64_t n_layers) {
  std::vector<double> means;
  for (std::int64_t place = 0; place < std::ssize(kPlaces); ++place) {
    std::vector<double> values;
    for (std::size_t i = 0; i < variants.size(); ++i)
      if (place_of(variants[i].block, n_layers) == place)
        values.push_back(increase[static_cast<std::int64_t>(i)].item<double>());
    means.push_back(statistics::mean(values));
  }
  dataset.add("loss_increase_by_place", {"place"}, at::tensor(means, at::kDouble), "nats",
              "mean increase over the variants that change the first block, one between, or the "
              "last one (NaN: none does, or a prompt of one token)");
}

/// Order as it is given in the parameter: `d` marks a block of the donor.
std::string order_text(const std::vector<SurgeryBlock>& order) {
  std::string text;
  for (const SurgeryBlock& block : order)
    text += (text.empty() ? "" : ",") + std::string(block.donor ? "d" : "") +
            std::to_string(block.index);
  return text.empty() ? "none" : text;
}

}  // namespace

const char* to_string(SurgeryOperation operation) {
  using enum SurgeryOperation;
  switch (operation) {
    case delete_block:
      return "delete";
    case swap:
      return "swap";
    case repeat:
      return "repeat";
    case reverse:
      return "reverse";
    case permute:
      return "permute";
    case donor:
      return "donor";
    case merge_heads:
      return "merge_heads";
    case prune:
      return "prune";
  }
  return "";
}

namespace {

void add_variants(Dataset& dataset, const std::vector<Variant>& variants, std::int64_t n_layers) {
  std::vector<std::string> labels, places;
  std::vector<std::int64_t> first;
  for (const Variant& variant : variants) {
    labels.push_back(variant.label);
    first.push_back(variant.first);
    const std::int64_t place = place_of(variant.block, n_layers);
    places.push_back(place < 0 ? "several" : kPlaces[static_cast<std::size_t>(place)]);
  }
  dataset.add_coordinate("variant", labels, "change of the model");
  dataset.add({.name = "first_changed_block",
               .dims = {"variant"},
               .tensor = integers(first),
               .long_name = "first block that runs differently (the number of blocks: none does)",
               .coordinate = true});
  dataset.add({.name = "variant_place",
               .dims = {"variant"},
               .strings = places,
               .long_name = "place of the block that is changed, of two exchanged ones first or "
                            "last if either is; several: "
                            "more blocks",
               .coordinate = true});
}

}  // namespace

/// The parts of the result that do not depend on the text.
Dataset with_axes(const Model& model, const std::vector<Variant>& variants) {
  const std::int64_t n_layers = model.spec().n_layers;
  Dataset dataset;
  add_variants(dataset, variants, n_layers);
  dataset.add_coordinate("block", at::arange(n_layers, at::kInt), "block, counted from 0");
  dataset.add_coordinate("place", {kPlaces.begin(), kPlaces.end()},
                         "first and last block of the model, and all between");
  return dataset;
}

/// Values at each token exist for prompts only; a long text gives totals.
void add_token_scores(Dataset& dataset, const Tokens& tokens, const Scores& scores) {
  add_token_axis(dataset, tokens.ids, tokens.texts);
  dataset.add("cross_entropy", {"variant", "token"}, scores.cross_entropy, "nats",
              "-ln probability of the token that follows (NaN: last token)");
  dataset.add("kl", {"variant", "token"}, scores.kl, "nats", "KL(unchanged model || variant)");
  dataset.add("agrees", {"variant", "token"}, scores.agrees.to(at::kChar), "1",
              "1 where the first choice is that of the unchanged model");
  dataset.add("whole_cross_entropy", {"token"}, scores.whole_cross_entropy, "nats",
              "-ln probability of the token that follows in the unchanged model (NaN: last token)");
}

/// Totals over all windows of the text. The increase is stored in addition to both losses, because
/// it is what variants are compared by.
void add_totals(Dataset& dataset, const Totals& totals, const std::vector<Variant>& variants,
                std::int64_t n_layers) {
  const at::Tensor loss = totals.loss(), increase = loss - totals.whole_loss();
  dataset.add("loss_increase", {"variant"}, increase, "nats",
              "loss of the variant minus that of the unchanged model (NaN: a prompt of one token)");
  dataset.add("loss", {"variant"}, loss, "nats",
              "mean cross-entropy of the token that follows (NaN: a prompt of one token)");
  dataset.add("mean_kl", {"variant"}, totals.mean_kl(), "nats",
              "mean of KL(unchanged model || variant)");
  dataset.add("agreement", {"variant"}, totals.agreement(), "1",
              "share of positions with the first choice of the unchanged model");
  dataset.add("whole_loss", {}, at::scalar_tensor(totals.whole_loss(), at::kDouble), "nats",
              "loss of the unchanged model (NaN: a prompt of one token)");
  dataset.add("block_influence", {"block"}, totals.block_influence(), "1",
              "1 minus the mean cosine of the streams before and after the block");
  add_places(dataset, increase, variants, n_layers);
  // Digests of changed weights, not their values.
  std::vector<std::string> changes;
  for (const Variant& variant : variants)
    if (!variant.weight_changes.empty()) changes.push_back(variant.weight_changes);
  if (!changes.empty()) dataset.attributes["weight_changes"] = changes;
}

/// Windows are drawn with replacement, rather than tokens, since tokens of a window depend on each
/// other.
void add_interval(Dataset& dataset, const Totals& totals, std::int64_t samples,
                  std::uint64_t seed) {
  dataset.add_coordinate("bound", {"low", "high"}, "bounds of the interval");
  dataset.add("loss_increase_interval", {"variant", "bound"},
              totals.increase_interval(samples, seed), "nats",
              "95 % bootstrap interval of the increase over windows of the text (NaN: fewer than "
              "two windows)");
  dataset.set_attribute("loss_increase_interval", "samples", samples);
  dataset.set_attribute(
      "loss_increase_interval", "method",
      "percentiles of the increase per token over windows drawn with replacement");
}

/// The variants of prune are a grid of orders and shares, with random orders after the named ones.
void add_pruning(Dataset& dataset, const TransformerSpec& spec,
                 const LayerSurgeryOptions& options) {
  const auto orders = static_cast<std::int64_t>(options.by.size());
  const auto shares = static_cast<std::int64_t>(options.fractions.size());
  const bool heads = options.parts == "heads";
  // All heads or neurons of the chosen blocks; `fractions` are shares of this number.
  const std::int64_t parts =
      std::ssize(chosen_blocks(spec, options)) * (heads ? spec.attention.n_heads : spec.mlp.d_mlp);
  std::vector<std::int64_t> counts;
  for (const double fraction : options.fractions) counts.push_back(share_of(fraction, parts));
  const at::Tensor loss =
      // A view: the losses themselves are in `loss` already.
      dataset["loss"].tensor.view({orders + options.draws, shares}).contiguous();
  dataset.add_coordinate("by", options.by, "order of pruning, the smallest first");
  dataset.add_coordinate("fraction", at::tensor(options.fractions, at::kDouble),
                         "share of the parts at zero");
  dataset.add("pruned_loss", {"by", "fraction"}, loss.narrow(0, 0, orders), "nats",
              "loss with this share of the parts at zero (NaN: a prompt of one token)");
  dataset.add("pruned_parts", {"fraction"}, integers(counts), "1",
              "number of neurons or heads at zero");
  if (options.draws == 0) return;
  dataset.add_coordinate("draw", at::arange(1, options.draws + 1, at::kInt), "random order");
  dataset.add("random_pruned_loss", {"draw", "fraction"}, loss.narrow(0, orders, options.draws),
              "nats",
              "loss with this share of the parts at zero, in a random order (NaN: a prompt of one "
              "token)");
}

namespace {

/// Numbers as they are given in a parameter.
template <class Number>
std::vector<std::string> as_given(const std::vector<Number>& numbers, const char* none) {
  std::vector<std::string> texts = tracing::number_texts(numbers);
  if (texts.empty()) texts.emplace_back(none);
  return texts;
}

/// Adds the options, also those that the operation does not use.
void add_options(Dataset& dataset, const LayerSurgeryOptions& options) {
  auto& attributes = dataset.attributes;
  attributes["blocks"] = as_given(options.blocks, "all");
  attributes["order"] = order_text(options.order);
  std::vector<std::string> heads;
  heads.reserve(2 * options.heads.size());
  for (const auto& [i, j] : options.heads)
    for (const SurgeryHead& head : {i, j})
      heads.push_back(std::to_string(head.block) + ":" + std::to_string(head.head));
  attributes["heads"] = heads;
  attributes["share"] = options.alpha;
  attributes["parts"] = options.parts;
  attributes["by"] = options.by;
  attributes["fractions"] = as_given(options.fractions, "none");
  attributes["draws"] = options.draws;
  attributes["window"] = options.window;
  attributes["windows"] = options.windows;
  if (options.donor.empty())
    attributes["donor"] = "none";
  else
    attributes["donor_basis"] =
        "blocks of another training run read and write in another basis; donor_embedding_cosine "
        "compares the embeddings";
}

}  // namespace

void add_attributes(Dataset& dataset, SurgeryOperation operation,
                    const LayerSurgeryOptions& options, const Totals& totals, std::uint64_t seed) {
  auto& attributes = dataset.attributes;
  attributes["definition"] = "layer_surgery/1";
  attributes["operation"] = to_string(operation);
  attributes["base_run"] = "the unchanged model";
  attributes["source_run"] = "none";
  attributes["sign"] = "variant minus unchanged model";
  attributes["text"] = options.text.empty() ? "the prompt" : options.text;
  attributes["windows_measured"] = totals.windows();
  attributes["tokens_scored"] = totals.scored();
  attributes["rule"] =
      "blocks keep the settings of their own index; a variant starts at its first "
      "changed block, without a key-value cache";
  add_options(dataset, options);
  const bool prunes = operation == SurgeryOperation::prune, draws = prunes || !options.text.empty();
  attributes["samples"] = prunes ? options.draws : draws ? kSamples : 1;
  attributes["seed_stream"] =
      draws ? static_cast<std::int64_t>(prunes ? kFirstOrderStream : kBootstrapStream) : -1;
  // Without a text and random orders, nothing is drawn.
  if (!draws) return;
  attributes["seed"] = static_cast<std::int64_t>(seed);
  if (!prunes) return;
  attributes["ranked_on"] = "the text that the loss is measured on";
}

}  // namespace lensbench::surgery

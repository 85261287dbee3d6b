#include "result.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <lensbench/metric.hpp>
#include <string>
#include <utility>

namespace lensbench::vision_lens {
namespace {

void add_layers(Dataset& dataset, const TransformerSpec& spec,
                const std::vector<std::int64_t>& layers) {
  if (std::ssize(layers) == spec.n_layers + 1) {
    add_layer_axis(dataset, spec.n_layers);
    return;
  }
  dataset.add_coordinate("layer", at::tensor(layers, at::kLong).to(at::kInt),
                         "residual stream after this many blocks");
  std::vector<std::string> labels;
  labels.reserve(layers.size());
  for (const std::int64_t layer : layers)
    labels.push_back(layer == 0 ? "embed" : std::to_string(layer - 1) + "_resid_post");
  dataset.add({.name = "layer_label",
               .dims = {"layer"},
               .strings = std::move(labels),
               .long_name = "name of the residual stream",
               .coordinate = true});
}

void add_texts(Dataset& dataset, const char* name, const char* dim, std::vector<std::string> texts,
               const char* long_name) {
  dataset.add({.name = name,
               .dims = {dim},
               .strings = std::move(texts),
               .long_name = long_name,
               .coordinate = true});
}

/// The tokens of all concepts, which a reader has to see: a first token may begin other words.
void add_concept_tokens(Dataset& dataset, const std::vector<TokenSet>& sets) {
  std::vector<std::string> concepts, texts, forms;
  std::vector<std::int64_t> ids, begins;
  for (const TokenSet& set : sets)
    for (const ConceptToken& token : set.tokens) {
      concepts.push_back(set.name);
      texts.push_back(token.text);
      forms.push_back(token.form);
      ids.push_back(token.id);
      begins.push_back(token.begins_form ? 1 : 0);
    }
  const auto n = static_cast<std::int64_t>(ids.size());
  dataset.add_coordinate("concept_token", at::arange(n, at::kInt), "number of the token");
  add_texts(dataset, "token_concept", "concept_token", std::move(concepts),
            "concept that the token belongs to");
  dataset.add({.name = "token_id",
               .dims = {"concept_token"},
               .tensor = at::tensor(ids, at::kLong).to(at::kInt),
               .long_name = "token id",
               .coordinate = true,
               .holds = Holds::token_ids});
  add_texts(dataset, "token_text", "concept_token", std::move(texts), "text of the token");
  add_texts(dataset, "token_form", "concept_token", std::move(forms),
            "form that the token was given by");
  dataset.add({.name = "begins_form",
               .dims = {"concept_token"},
               .tensor = at::tensor(begins, at::kLong).to(at::kChar),
               .long_name = "1 where the form has more tokens, so that the token may begin others",
               .coordinate = true});
}

void add_concept_axes(Dataset& dataset, const std::vector<TokenSet>& sets) {
  std::vector<std::string> names;
  names.reserve(sets.size());
  for (const TokenSet& set : sets) names.push_back(set.name);
  add_texts(dataset, "concept", "concept", std::move(names), "name of the concept");
  add_concept_tokens(dataset, sets);
}

std::vector<std::string> digits_of(const std::vector<std::int64_t>& numbers) {
  std::vector<std::string> texts;
  texts.reserve(numbers.size());
  for (const std::int64_t number : numbers) texts.push_back(std::to_string(number));
  return texts;
}

/// Number of the layer of each onset, [concept] int32.
at::Tensor onset_layers(const at::Tensor& ranks, const std::vector<std::int64_t>& layers,
                        std::int64_t within) {
  std::vector<std::int64_t> first = onsets(ranks, within);
  for (std::int64_t& layer : first)
    if (layer >= 0) layer = layers[static_cast<std::size_t>(layer)];
  return at::tensor(first, at::kLong).to(at::kInt);
}

}  // namespace

void add_axes(Dataset& dataset, const TransformerSpec& spec,
              const std::vector<std::int64_t>& layers, const std::vector<TokenSet>& sets,
              std::int64_t top_k) {
  add_layers(dataset, spec, layers);
  dataset.add_coordinate("rank", at::arange(1, top_k + 1, at::kInt), "1 is the most probable");
  if (!sets.empty()) add_concept_axes(dataset, sets);
}

void add_map(Dataset& dataset, const Decoded& decoded, bool concepts, const std::string& prefix) {
  const std::vector<std::string> by_token = {prefix + "layer", "image_token"};
  const auto with = [&](const char* dim) {
    std::vector<std::string> dims = by_token;
    dims.emplace_back(dim);
    return dims;
  };
  if (concepts) {
    dataset.add(prefix + "concept_log_probability", with("concept"),
                decoded.concept_log_probability, "nats",
                "ln of the summed probability of the concept's tokens");
    dataset.add(prefix + "concept_rank", with("concept"), decoded.concept_rank, "1",
                "1 + number of tokens with a strictly larger logit than the concept's best token");
  }
  dataset.add(prefix + "top_id", with("rank"), decoded.top_ids.to(at::kInt), "1",
              "tokens with the largest probability", Holds::token_ids);
  dataset.add(prefix + "top_probability", with("rank"), decoded.top_probabilities, "1",
              "probability of each candidate");
  dataset.add(prefix + "entropy", by_token, decoded.entropy, "nats", "entropy of the distribution");
}

void add_tower_axis(Dataset& dataset, const std::vector<std::int64_t>& layers) {
  dataset.add_coordinate("tower_layer", at::tensor(layers, at::kLong).to(at::kInt),
                         "merger on the stream of the tower after this many of its blocks");
}

void add_answer(Dataset& dataset, const Decoded& decoded, const at::Tensor& divergence,
                const std::vector<std::int64_t>& layers, bool concepts, std::int64_t within) {
  const auto last = [](const at::Tensor& values) { return values.select(1, 0); };
  const std::string where = " at the last position";
  if (concepts) {
    dataset.add("answer_concept_log_probability", {"layer", "concept"},
                last(decoded.concept_log_probability), "nats",
                "ln of the summed probability of the concept's tokens" + where);
    dataset.add(
        "answer_concept_rank", {"layer", "concept"}, last(decoded.concept_rank), "1",
        "1 + number of tokens with a strictly larger logit than the concept's best token" + where);
    dataset.add("onset", {"concept"}, onset_layers(last(decoded.concept_rank), layers, within), "1",
                "first layer from which on the concept's rank at the last position is at most " +
                    std::to_string(within) + "; -1: none");
  }
  dataset.add("answer_top_id", {"layer", "rank"}, last(decoded.top_ids).to(at::kInt), "1",
              "tokens with the largest probability" + where, Holds::token_ids);
  dataset.add("answer_top_probability", {"layer", "rank"}, last(decoded.top_probabilities), "1",
              "probability of each candidate" + where);
  dataset.add("answer_entropy", {"layer"}, last(decoded.entropy), "nats",
              "entropy of the distribution" + where);
  dataset.add("answer_kl_final_to_layer", {"layer"}, divergence, "nats",
              "KL divergence of the model's own distribution from that at this layer," + where);
}

void add_control_answers(Dataset& dataset, const std::vector<ControlAnswer>& answers,
                         const std::vector<std::int64_t>& layers, std::int64_t within) {
  std::vector<std::string> names;
  std::vector<at::Tensor> probabilities, ranks, first;
  for (const ControlAnswer& answer : answers) {
    names.push_back(answer.name);
    probabilities.push_back(answer.log_probability);
    ranks.push_back(answer.rank);
    first.push_back(onset_layers(answer.rank, layers, within));
  }
  add_texts(dataset, "control", "control", std::move(names), "prompt that is compared");
  dataset.add("control_log_probability", {"control", "layer", "concept"}, at::stack(probabilities),
              "nats", "ln of the summed probability of the concept's tokens, of a control");
  dataset.add("control_rank", {"control", "layer", "concept"}, at::stack(ranks), "1",
              "rank of the concept's best token, of a control");
  dataset.add("control_onset", {"control", "concept"}, at::stack(first), "1",
              "onset of the concept in a control; -1: none");
}

void add_continuations(Dataset& dataset, const Continuations& continuations,
                       const std::vector<std::string>& texts) {
  add_texts(dataset, "continuation", "continuation", texts, "text after the prompt");
  std::vector<std::int64_t> lengths;
  lengths.reserve(texts.size());
  for (const auto& ids : continuations.ids) lengths.push_back(std::ssize(ids));
  dataset.add({.name = "continuation_tokens",
               .dims = {"continuation"},
               .tensor = at::tensor(lengths, at::kLong).to(at::kInt),
               .units = "tokens",
               .long_name = "number of tokens of the text",
               .coordinate = true});
  dataset.add("continuation_log_probability", {"layer", "continuation"},
              continuations.log_probability, "nats",
              "sum of ln probabilities of the tokens of the text after the prompt");
  dataset.add("continuation_share", {"layer", "continuation"},
              continuations.log_probability.softmax(1), "1",
              "probability of the text among the given ones");
}

void add_attributes(Dataset& dataset, const VisionLensOptions& options,
                    const std::vector<TokenSet>& sets) {
  auto& attributes = dataset.attributes;
  const bool shuffled = std::find(options.controls.begin(), options.controls.end(),
                                  "shuffled_patches") != options.controls.end();
  Provenance{.definition = "vision_lens/1", .seed_stream = shuffled ? 0 : -1}.describe(dataset);
  attributes["base_run"] = "prompt";
  attributes["source_run"] = "none";
  attributes["sign"] = "none";
  attributes["concepts"] = to_text(options.concepts);
  attributes["top_k"] = options.top_k;
  attributes["every"] = options.every;
  attributes["within"] = options.within;
  attributes["layers"] = digits_of(options.layers);  // empty: all
  attributes["answers"] = options.answers;
  attributes["controls"] = options.controls;
  attributes["residual"] = static_cast<std::int64_t>(options.residual);
  attributes["tower"] = static_cast<std::int64_t>(options.tower);
  attributes["tower_layers"] = digits_of(options.tower_layers);  // empty: all
  attributes["final_norm"] = "the model's own, statistics recomputed on each residual";
  attributes["probabilities"] = "over the whole vocabulary, tokens of a concept summed";
  std::vector<std::string> warnings;
  for (const TokenSet& set : sets)
    for (const ConceptToken& token : set.tokens)
      if (token.begins_form)
        warnings.push_back("concept '" + set.name + "': token " + std::to_string(token.id) + " '" +
                           token.text + "' begins '" + token.form + "' and other texts as well");
  if (!warnings.empty()) attributes["warnings"] = warnings;
}

std::vector<std::int64_t> onsets(const at::Tensor& ranks, std::int64_t within) {
  const at::Tensor inside = ranks.le(within).to(at::kLong);
  // The product from the last layer down is 1 as long as every layer is inside.
  const at::Tensor kept = inside.flip(0).cumprod(0).sum(0).contiguous();
  std::vector<std::int64_t> first;
  first.reserve(static_cast<std::size_t>(kept.numel()));
  for (std::int64_t i = 0; i < kept.numel(); ++i) {
    const std::int64_t layers = kept.data_ptr<std::int64_t>()[i];
    first.push_back(layers == 0 ? -1 : ranks.size(0) - layers);
  }
  return first;
}

}  // namespace lensbench::vision_lens

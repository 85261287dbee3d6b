#include "reading.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <cstdio>
#include <lensbench/corpus.hpp>
#include <lensbench/error.hpp>
#include <utility>
#include <vector>

#include "evaluation.hpp"
#include "logit_lens/decode.hpp"
#include "logit_lens/receipt.hpp"
#include "logit_lens/result.hpp"
#include "receipts.hpp"

// A reading is that of the logit lens, of translated streams.

namespace lensbench::tuned {
namespace {

constexpr std::int64_t kFewestTokens = 8;
constexpr std::size_t kMostPrompts = 16;

void check_reading(const Model& model, const Tokens& tokens, const TunedLensOptions& options) {
  if (tokens.ids.empty())
    throw UsageError("tuned_lens: the prompt is empty; give at least one token");
  if (options.top_k < 1 || options.top_k > model.spec().vocab_size)
    throw UsageError("tuned_lens: top_k is " + std::to_string(options.top_k) + "; give 1 to " +
                     std::to_string(model.spec().vocab_size) + ", the size of the vocabulary");
}

/// Streams of all layers, translated but for the last one, in the model's type, so that translators
/// of zeros change no bit.
std::vector<at::Tensor> translated(const std::vector<at::Tensor>& streams,
                                   const Translators& translators) {
  std::vector<at::Tensor> all = streams;
  for (std::size_t layer = 0; layer + 1 < streams.size(); ++layer)
    all[layer] = translators.apply(static_cast<std::int64_t>(layer), streams[layer])
                     .to(streams[layer].options());
  return all;
}

lens::Question question_of(const Model& model, const Tokens& tokens, std::vector<at::Tensor> layers,
                           const TunedLensOptions& options) {
  lens::Question question;
  question.model = &model;
  question.final_residual = layers.back();
  question.layers = std::move(layers);
  question.top_k = options.top_k;
  question.next_ids = lens::next_ids(tokens);
  question.target_ids = lens::asked_ids(options.target, question.next_ids);
  return question;
}

void add_attributes(Dataset& dataset, const Tokens& tokens, const TunedLensOptions& options) {
  dataset.attributes["top_k"] = options.top_k;
  dataset.attributes["target"] = to_string(options.target);
  dataset.attributes["compare"] = static_cast<std::int64_t>(options.compare);
  dataset.attributes["final_norm"] = "the model's own, statistics recomputed on each residual";
  dataset.attributes["bos_added"] = static_cast<std::int64_t>(tokens.bos_added);
  dataset.attributes["logits"] = "after bias, multiplier and softcap, like those of the model";
}

/// Prompts of the run, or those of the model itself if they are too short to judge a lens by.
std::vector<Tokens> judged(Context& context, const Tokens& tokens) {
  std::vector<Tokens> sequences;
  for (const Tokens& prompt : context.reference_prompts())
    if (prompt.size() > 1 && sequences.size() < kMostPrompts) sequences.push_back(prompt);
  if (sequences.empty() && tokens.size() > 1) sequences.push_back(tokens);
  std::int64_t positions = 0;
  for (const Tokens& one : sequences) positions += one.size();
  if (positions >= kFewestTokens) return sequences;
  CorpusOptions options;
  options.length = std::min<std::int64_t>(16, context.model().spec().max_positions);
  options.min_length = 2;
  options.seed = context.seed();
  Corpus corpus(context.model(), "generated:8", options);
  while (auto window = corpus.next()) sequences.push_back(std::move(window->tokens));
  return sequences;
}

std::string nats(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3g", value);
  return text;
}

}  // namespace

Dataset read_prompt(Context& context, const Tokens& tokens, const Translators& translators,
                    const TunedLensOptions& options) {
  const Model& model = context.model();
  check_reading(model, tokens, options);
  const std::vector<at::Tensor> streams =
      lens::read_residuals(context, tokens, {"resid_post"}).front().layers;
  const lens::Answer answer =
      lens::decode(question_of(model, tokens, translated(streams, translators), options));
  Dataset dataset;
  add_token_axis(dataset, tokens.ids, tokens.texts);
  add_layer_axis(dataset, model.spec().n_layers);
  dataset.add_coordinate("rank", at::arange(1, options.top_k + 1, at::kInt),
                         "1 is the most probable");
  dataset.add("target_id", {"token"}, answer.readout.target_ids.to(at::kInt), "1",
              "token that the target columns score", Holds::token_ids);
  lens::add_point(dataset, "resid_post", "layer", answer);
  lens::add_settling(dataset, answer);
  if (options.compare)
    lens::add_point(dataset, "logit_lens", "layer",
                    lens::decode(question_of(model, tokens, streams, options)));
  at::Tensor before_last;
  // A forward of a single block is a whole one.
  if (model.spec().n_layers > 1) before_last = streams[streams.size() - 2];
  dataset.receipts = lens::last_layer_receipts(model, {{tokens, before_last, answer.readout}});
  dataset.receipts.push_back(zero_translators_receipt(
      difference_to_logit_lens(model, Translators::zero(model.spec()), streams)));
  add_attributes(dataset, tokens, options);
  return dataset;
}

void check_lens(Context& context, const Translators& translators, const Tokens& tokens,
                const std::string& source) {
  const Evaluation found = evaluate(context, translators, judged(context, tokens));
  const std::int64_t layers = translators.bias.size(0);
  const at::Tensor own = found.kl.narrow(0, 0, layers);
  const at::Tensor plain = found.kl_logit_lens.narrow(0, 0, layers);
  // NaN is worse than any number.
  const std::int64_t worse = layers - own.le(plain + 1e-4).sum().item<std::int64_t>();
  if (2 * worse <= layers) return;
  throw InputError("tuned_lens: " + source + ": the lens is worse than the logit lens at " +
                   std::to_string(worse) + " of " + std::to_string(layers) +
                   " layers (mean divergence from the model " + nats(own.mean().item<double>()) +
                   ", that of the logit lens " + nats(plain.mean().item<double>()) + " nats at " +
                   std::to_string(found.rows) +
                   " positions); give a lens that was trained for this model");
}

}  // namespace lensbench::tuned

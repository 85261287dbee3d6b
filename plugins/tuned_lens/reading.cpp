#include "reading.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>

#include <algorithm>
#include <cstdio>
#include <lensbench/corpus.hpp>
#include <lensbench/error.hpp>
#include <utility>
#include <vector>

#include "common/changed_streams.hpp"
#include "evaluation.hpp"
#include "logit_lens/result.hpp"
#include "receipts.hpp"

// A reading is that of the logit lens, of translated streams.

namespace lensbench::tuned {
namespace {

constexpr std::int64_t kFewestTokens = 8;
constexpr std::size_t kMostPrompts = 16;

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
  if (tokens.ids.empty())
    throw UsageError("tuned_lens: the prompt is empty; give at least one token");
  const lens::ChangedReading reading{"tuned_lens", options.top_k, options.target};
  const std::vector<at::Tensor> streams =
      lens::read_residuals(context, tokens, {"resid_post"}).front().layers;
  Dataset dataset =
      lens::read_changed_streams(model, tokens, streams, translated(streams, translators), reading);
  dataset.attributes["compare"] = static_cast<std::int64_t>(options.compare);
  if (options.compare)
    lens::add_point(dataset, "logit_lens", "layer",
                    lens::answer_of(model, tokens, streams, reading));
  dataset.receipts.push_back(zero_translators_receipt(
      difference_to_logit_lens(model, Translators::zero(model.spec()), streams)));
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

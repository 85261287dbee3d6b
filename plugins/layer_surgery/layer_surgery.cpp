#include "layer_surgery.hpp"

#include <ATen/ops/cosine_similarity.h>
#include <ATen/ops/scalar_tensor.h>

#include <algorithm>
#include <lensbench/corpus.hpp>
#include <lensbench/error.hpp>
#include <limits>

#include "common/text_alone.hpp"
#include "heads.hpp"
#include "measure.hpp"
#include "options.hpp"
#include "orders.hpp"
#include "prune.hpp"
#include "receipts.hpp"
#include "result.hpp"

namespace lensbench::surgery {
namespace {

/// Windows in random order, so that a limited number of them is a sample of the text.
CorpusOptions corpus_options(const Model& model, const LayerSurgeryOptions& options,
                             std::uint64_t seed) {
  return {.length = std::min(options.window, position_limit(model.spec())),
          .min_length = 2,
          .shuffle = true,
          .seed = seed};
}

/// Pieces of text that the loss is measured on.
std::vector<Tokens> texts_of(const Context& context, const Tokens& tokens,
                             const LayerSurgeryOptions& options) {
  if (options.text.empty()) {
    if (tokens.ids.empty())
      throw UsageError("layer_surgery: the prompt is empty; give at least one token");
    tracing::refuse_pictures("layer_surgery", tokens);
    return {tokens};
  }
  Corpus corpus(context.model(), options.text,
                corpus_options(context.model(), options, context.seed()));
  std::vector<Tokens> texts;
  while (options.windows == 0 || std::ssize(texts) < options.windows) {
    auto window = corpus.next();
    if (!window) break;
    texts.push_back(std::move(window->tokens));
  }
  if (texts.empty())
    throw UsageError("layer_surgery: text '" + options.text +
                     "' lacks a document of at least 2 tokens; give a longer text");
  return texts;
}

/// The donor is opened only if the operation uses it.
SharedModel donor_of(const Model& model, SurgeryOperation operation,
                     const LayerSurgeryOptions& options) {
  const bool asked = operation == SurgeryOperation::donor || !options.donor.empty();
  return asked ? open_donor(model, options.donor) : nullptr;
}

/// Variants depend on the texts only where parts are ranked by activations.
std::vector<Variant> variants_of(const SharedModel& model, const SharedModel& donor,
                                 const std::vector<Tokens>& texts, SurgeryOperation operation,
                                 const LayerSurgeryOptions& options, std::uint64_t seed) {
  if (operation == SurgeryOperation::merge_heads) return head_variants(model, options);
  if (operation == SurgeryOperation::prune) {
    check_prune(model->spec(), options);
    return prune_variants(model, texts, options, seed);
  }
  return order_variants(model, donor, operation, options);
}

/// Blocks trained in another basis cannot be exchanged; equal embeddings suggest a common one.
double embedding_cosine(const Model& model, const Model& donor) {
  const at::Tensor a = model.weight("embed.W_E"), b = donor.weight("embed.W_E");
  if (a.sizes() != b.sizes()) return std::numeric_limits<double>::quiet_NaN();
  return at::cosine_similarity(a.to(at::kCPU).to(at::kFloat), b.to(at::kCPU).to(at::kFloat), 1)
      .mean()
      .item<double>();
}

void add_donor_cosine(Dataset& dataset, const Model& model, const Model& donor) {
  dataset.add("donor_embedding_cosine", {},
              at::scalar_tensor(embedding_cosine(model, donor), at::kDouble), "1",
              "mean cosine of the token embeddings of model and donor; near 0: another basis "
              "(NaN: vocabularies of different size)");
}

/// Measures all texts. What has a value for each token, and the receipts, are added on the way.
Totals measured(Context& context, const std::vector<Tokens>& texts, SurgeryOperation operation,
                const LayerSurgeryOptions& options, const std::vector<Variant>& variants,
                Dataset& dataset) {
  const SharedModel shared = context.shared_model();
  Totals totals(std::ssize(variants));
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (context.cancelled()) throw RunError("layer_surgery: the run was interrupted");
    // One forward of the unchanged model for each window; all variants start from its streams.
    const Window window = read_window(*shared, texts[i]);
    const Scores scores = measure(*shared, window, variants);
    totals.add(window, scores);
    context.progress(static_cast<std::int64_t>(i) + 1, std::ssize(texts));
    if (options.text.empty()) add_token_scores(dataset, window.tokens, scores);
    if (i == 0) add_receipts(dataset, shared, window, operation, options, variants);
  }
  return totals;
}

/// Each variant changes the model, so a text on which no stream differs is not a measurement.
Receipt effect_receipt(const Totals& totals) {
  return make_receipt("no_write_was_without_effect", totals.any_change() ? 0 : 1, 0,
                      "1: every variant left the last stream equal in every bit");
}

}  // namespace

void LayerSurgeryTool::check_compatible(const Model& model) const {
  const TransformerSpec& spec = model.spec();
  if (spec.masked_language_model || !spec.attention.causal)
    throw UsageError("layer_surgery: '" + spec.family +
                     "' predicts masked tokens, not the next one, so the loss here is not defined; "
                     "use a causal language model");
  if (spec.n_layers < 1)
    throw UsageError("layer_surgery: the model has 0 blocks; expected at least one");
}

/// The donor and the text are opened here, so that a name that cannot be read fails before the
/// first case.
void LayerSurgeryTool::check_parameters(const Parameters& parameters) const {
  const SurgeryOperation operation = operation_of(parameters.text("operation"));
  const LayerSurgeryOptions options = options_of(parameters);
  check_use(operation, options);
  const SharedModel shared = context().shared_model();
  const SharedModel donor = donor_of(*shared, operation, options);
  if (operation == SurgeryOperation::prune) {
    check_prune(shared->spec(), options);
  } else {
    variants_of(shared, donor, {}, operation, options, 0);
  }
  if (!options.text.empty()) Corpus(*shared, options.text, corpus_options(*shared, options, 0));
}

Dataset LayerSurgeryTool::run(const Request& request) {
  const Parameters& parameters = request.parameters();
  return operate(request.tokens(), operation_of(parameters.text("operation")),
                 options_of(parameters));
}

Dataset LayerSurgeryTool::operate(const Tokens& tokens, SurgeryOperation operation,
                                  const LayerSurgeryOptions& options) {
  // A text gives one answer for all cases of a run, which is kept; a prompt gives one for each.
  if (options.text.empty()) return computed(tokens, operation, options);
  if (!answer_ || answer_->operation != operation || !(answer_->options == options))
    answer_ = {operation, options, computed(tokens, operation, options)};
  return answer_->dataset;
}

Dataset LayerSurgeryTool::computed(const Tokens& tokens, SurgeryOperation operation,
                                   const LayerSurgeryOptions& options) {
  check_compatible(model());
  check_use(operation, options);
  const SharedModel shared = context().shared_model();
  const SharedModel donor = donor_of(*shared, operation, options);
  const std::vector<Tokens> texts = texts_of(context(), tokens, options);
  const std::vector<Variant> variants =
      variants_of(shared, donor, texts, operation, options, context().seed());
  // The variants are known, so the axes are too, before anything is measured.
  Dataset dataset = with_axes(*shared, variants);
  const Totals totals = measured(context(), texts, operation, options, variants, dataset);
  add_totals(dataset, totals, variants, shared->spec().n_layers);
  if (!options.text.empty()) add_interval(dataset, totals, kSamples, context().seed());
  if (operation == SurgeryOperation::prune) add_pruning(dataset, shared->spec(), options);
  if (donor) add_donor_cosine(dataset, *shared, *donor);
  dataset.receipts.push_back(effect_receipt(totals));
  add_attributes(dataset, operation, options, totals, context().seed());
  context().record_file(dataset, "text", options.text);
  if (donor) context().record_model(dataset, "donor", *donor);
  return dataset;
}

}  // namespace lensbench::surgery

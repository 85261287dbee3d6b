#include "tuned_lens.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>
#include <filesystem>
#include <lensbench/error.hpp>
#include <lensbench/metric.hpp>
#include <utility>

#include "corpus_parts.hpp"
#include "evaluation.hpp"
#include "options.hpp"
#include "reading.hpp"
#include "receipts.hpp"
#include "training.hpp"

namespace lensbench::tuned {
namespace {

bool is_half(const Model& model) {
  const at::ScalarType type = model.unembedding().weight.scalar_type();
  return type == at::kHalf || type == at::kBFloat16;
}

/// A parameter of the other mode would change nothing.
void check_mode(const Parameters& parameters) {
  const bool training = parameters.text("mode") == "train";
  if (!training && parameters.text("lens").empty())
    throw UsageError(
        "tuned_lens: mode=use needs lens; give ARCHIVE.h5:results/tuned_lens, or train one with "
        "mode=train and text");
  if (training && !parameters.text("lens").empty())
    throw UsageError("tuned_lens: mode=train begins without a lens; leave lens out");
  if (!training && !parameters.text("text").empty())
    throw UsageError(
        "tuned_lens: mode=use does not read a text; leave text out, or give mode=train");
}

/// Values of the layers that are translated, with 0 for the last one.
at::Tensor with_last(const at::Tensor& values) {
  return at::cat({values, at::zeros_like(values.select(-values.dim(), 0)).unsqueeze(0)});
}

void add_training(Dataset& dataset, const Trained& trained, const Evaluation& evaluation) {
  const auto by_layer = [&](const char* name, const at::Tensor& values, const char* text) {
    dataset.add(name, {"layer"}, values, "nats", text);
  };
  by_layer("held_out_kl", evaluation.kl,
           "mean KL divergence of the model's own distribution from the lens on the text held out");
  by_layer("held_out_kl_logit_lens", evaluation.kl_logit_lens,
           "mean KL divergence of the model's own distribution from the logit lens");
  by_layer("held_out_cross_entropy", evaluation.cross_entropy,
           "mean -ln probability that the lens gives the token that follows");
  by_layer("marginal_kl", evaluation.marginal_kl,
           "KL divergence of the model's mean distribution from that of the lens");
  dataset.add_coordinate("step", at::arange(trained.training_kl.size(0), at::kInt),
                         "step of the optimiser, from 0");
  const at::Tensor steps = trained.training_kl;
  dataset.add("training_kl", {"step", "layer"},
              at::cat({steps, at::zeros({steps.size(0), 1}, at::kDouble)}, 1), "nats",
              "mean KL divergence over the rows of a step, before the step; 0 at the last layer");
  dataset.add("translator_weight", {"layer", "model_out", "model_in"},
              with_last(trained.translators.weight), "1",
              "matrix A of each layer: the stream h becomes h + A h + b; 0 at the last layer");
  dataset.add("translator_bias", {"layer", "model_out"}, with_last(trained.translators.bias), "1",
              "vector b of each layer; 0 at the last layer");
  dataset.attributes["training_windows"] = trained.windows;
  dataset.attributes["training_rows"] = trained.rows;
  dataset.attributes["epochs"] = trained.epochs;
  dataset.attributes["held_out_rows"] = evaluation.rows;
}

/// Whether a lens is that of the model, by the digest of the files of its model.
std::string trained_on(const Context& context, const StoredLens& lens) {
  if (lens.base_sha256.empty()) return lens.base.empty() ? "unknown" : lens.base;
  Dataset own;
  context.record_model(own, "base", context.model());
  return std::get<std::string>(own.attributes["base_sha256"]) == lens.base_sha256
             ? "this model"
             : "another model: " + lens.base;
}

/// Operations of a row: products with the unembedding and back, and with the translator.
double flops_of_row(const TransformerSpec& spec) {
  const auto width = static_cast<double>(spec.d_model),
             vocab = static_cast<double>(spec.vocab_size);
  return static_cast<double>(spec.n_layers) * (4 * width * vocab + 4 * width * width) +
         2 * width * vocab;
}

/// \param trained  whether rows of a text were drawn for a training
void add_provenance(Dataset& dataset, bool trained) {
  Provenance{.definition = "tuned_lens/1",
             .rule = trained ? "stochastic gradient descent with Nesterov momentum" : "none",
             .seed_stream = trained ? static_cast<std::int64_t>(kRowStreams) : -1}
      .describe(dataset);
  dataset.attributes["base_run"] = "prompt";
  dataset.attributes["source_run"] = "none";
  dataset.attributes["sign"] = "none";
}

}  // namespace

std::vector<std::string> TunedLensTool::usual_hooks(const TransformerSpec& spec) const {
  std::vector<std::string> hooks;
  hooks.reserve(static_cast<std::size_t>(spec.n_layers) + 1);
  for (std::int64_t layer = 0; layer <= spec.n_layers; ++layer)
    hooks.push_back(residual_hook(spec, layer));
  return hooks;
}

void TunedLensTool::check_compatible(const Model& model) const {
  if (model.spec().masked_language_model)
    throw UsageError("tuned_lens: a '" + model.spec().family +
                     "' model predicts masked tokens, not the next; use logit_lens");
  if (model.spec().n_layers < 1)
    throw UsageError("tuned_lens: the model has 0 blocks; expected at least one");
}

void TunedLensTool::check_parameters(const Parameters& parameters) const {
  check_mode(parameters);
  if (parameters.text("mode") == "train") {
    const TunedLensTraining training = training_of(parameters);
    check_training(training);
    open_part(model(), training, context().seed(), CorpusPart::train);
    open_part(model(), training, context().seed(), CorpusPart::held_out);
  } else {
    read_lens(model(), parameters.text("lens"));
  }
}

CostEstimate TunedLensTool::estimate(const Request& request) const {
  const Parameters& parameters = request.parameters();
  const TransformerSpec& spec = model().spec();
  const auto width = static_cast<double>(spec.d_model), layers = static_cast<double>(spec.n_layers);
  CostEstimate cost;
  const bool training = parameters.text("mode") == "train";
  // Translators; in a training their gradients and momentum, and the tiles of logits, too.
  cost.bytes = (training ? 3 : 1) * layers * width * width * 4.0 + (training ? 1.4e8 : 4e7);
  if (!training) return cost;
  const TunedLensTraining asked = training_of(parameters);
  const auto window = static_cast<double>(asked.window);
  const double share = asked.rows_per_window == 0
                           ? 1.0
                           : std::min(1.0, static_cast<double>(asked.rows_per_window) / window);
  const double tokens =
      static_cast<double>(asked.steps) * static_cast<double>(asked.tokens_per_step);
  const double forward = layers * 24 * width * width;
  cost.flops = tokens * (forward + share * flops_of_row(spec));
  cost.items = asked.steps;
  return cost;
}

Dataset TunedLensTool::run(const Request& request) {
  const Parameters& parameters = request.parameters();
  check_mode(parameters);
  TunedLensOptions options;
  options.top_k = parameters.integer("top_k");
  options.target = request.target().value_or(parse_target(model(), parameters.text("target")));
  options.compare = parameters.boolean("compare");
  if (parameters.text("mode") == "train")
    return train(request.tokens(), training_of(parameters), options);
  return read(request.tokens(), parameters.text("lens"), options);
}

const StoredLens& TunedLensTool::lens(const Tokens& tokens, const std::string& source) {
  if (lens_ && source_ == source) return *lens_;
  lens_.reset();
  StoredLens lens = read_lens(model(), source);
  check_lens(context(), lens.translators, tokens, source);
  lens_ = std::move(lens);
  source_ = source;
  return *lens_;
}

Dataset TunedLensTool::read(const Tokens& tokens, const std::string& source,
                            const TunedLensOptions& options) {
  check_compatible(model());
  const StoredLens& stored = lens(tokens, source);
  Dataset dataset = read_prompt(context(), tokens, stored.translators, options);
  add_provenance(dataset, false);
  dataset.attributes["mode"] = "use";
  dataset.attributes["lens_trained_on"] = trained_on(context(), stored);
  context().record_file(dataset, "lens", stored.tensors);
  if (std::filesystem::is_directory(source))
    dataset.attributes["lens"] =
        std::filesystem::absolute(source + "/").parent_path().filename().string();
  if (!stored.config.empty()) context().record_file(dataset, "lens_config", stored.config);
  return dataset;
}

Dataset TunedLensTool::train(const Tokens& tokens, const TunedLensTraining& training,
                             const TunedLensOptions& options) {
  check_compatible(model());
  check_training(training);
  if (context().reference_prompts().size() > 1)
    throw UsageError(
        "tuned_lens: mode=train reads one prompt through the lens, found several; give one prompt, "
        "and then the others with mode=use");
  // A wrong prompt is noticed before hours of training.
  read_prompt(context(), tokens, Translators::zero(model().spec()), options);
  const Trained trained = train_translators(context(), training);
  const Evaluation evaluation =
      evaluate(context(), trained.translators, held_out_windows(context(), training));
  Dataset dataset = read_prompt(context(), tokens, trained.translators, options);
  add_training(dataset, trained, evaluation);
  dataset.receipts.push_back(first_step_receipt(trained.first_difference, is_half(model())));
  dataset.receipts.push_back(gradient_receipt(trained.gradient_error, is_half(model())));
  dataset.receipts.push_back(held_out_receipt(evaluation));
  add_provenance(dataset, true);
  dataset.attributes["mode"] = "train";
  dataset.attributes["lens"] = "trained here";
  dataset.attributes["seed"] = static_cast<std::int64_t>(context().seed());
  add_training_attributes(dataset, training);
  context().record_file(dataset, "text", training.text);
  context().record_model(dataset, "base", model());
  return dataset;
}

}  // namespace lensbench::tuned

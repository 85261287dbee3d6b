#include "options.hpp"

#include <cmath>
#include <lensbench/error.hpp>
#include <lensbench/metric.hpp>
#include <string>
#include <vector>

namespace lensbench::dictionaries {
namespace {

void expect_least(const char* name, std::int64_t found, std::int64_t least) {
  if (found < least)
    throw UsageError("sparse_autoencoder: " + std::string(name) + " is " + std::to_string(found) +
                     ", expected at least " + std::to_string(least));
}

std::string joined(const std::vector<std::int64_t>& numbers) {
  std::string text;
  for (const std::int64_t number : numbers)
    text += (text.empty() ? "" : ",") + std::to_string(number);
  return text;
}

}  // namespace

SparseAutoencoderOptions options_of(const Model& model, const Parameters& parameters) {
  SparseAutoencoderOptions options;
  options.hook = parameters.text("hook");
  options.text = parameters.text("text");
  options.window = parameters.integer("window");
  options.windows = parameters.integer("windows");
  options.top_features = parameters.integer("top_features");
  options.top_tokens = parameters.integer("top_tokens");
  options.feature = parameters.integers("feature");
  options.examples = parameters.integer("examples");
  options.center = parameters.text("center");
  options.exclude_special = parameters.boolean("exclude_special");
  options.splice = parameters.boolean("splice");
  options.error_term = parameters.boolean("error_term");
  options.attribute = parameters.boolean("attribute");
  const MetricOptions metric = metric_options(model, parameters);
  options.versus = metric.versus;
  options.position = metric.position;
  return options;
}

SparseAutoencoderTraining training_of(const Parameters& parameters) {
  SparseAutoencoderTraining training;
  training.text = parameters.text("text");
  training.latents = parameters.integer("latents");
  training.k = parameters.integer("k");
  training.steps = parameters.integer("steps");
  training.tokens_per_step = parameters.integer("tokens_per_step");
  training.learning_rate = parameters.number("learning_rate");
  training.auxiliary = parameters.number("auxiliary");
  training.held_out = parameters.number("held_out");
  return training;
}

void check_options(const Model& model, const SparseAutoencoderOptions& options) {
  expect_least("top_features", options.top_features, 1);
  expect_least("top_tokens", options.top_tokens, 0);
  expect_least("window", options.window, 2);
  expect_least("windows", options.windows, 0);
  expect_least("examples", options.examples, 0);
  if (model.spec().masked_language_model && (options.splice || options.attribute))
    throw UsageError(
        "sparse_autoencoder: a '" + model.spec().family +
        "' model predicts masked tokens, not the next; leave splice and attribute out");
  if (!options.attribute && options.versus)
    throw UsageError(
        "sparse_autoencoder: versus is of a metric; give attribute=true, or leave it out");
  if (!options.error_term && (!options.splice || options.feature.empty()))
    throw UsageError(
        "sparse_autoencoder: error_term is of a feature that is taken out; give splice=true and "
        "feature, or leave it out");
}

void check_features(const SparseAutoencoderOptions& options, std::int64_t features) {
  for (const std::int64_t feature : options.feature)
    if (feature < 0 || feature >= features)
      throw UsageError("sparse_autoencoder: feature is " + std::to_string(feature) +
                       ", expected 0 to " + std::to_string(features - 1) +
                       ", the features of the dictionary");
}

void check_training(const SparseAutoencoderTraining& training) {
  if (training.text.empty())
    throw UsageError(
        "sparse_autoencoder: training needs text; give a file with one document in each line, or "
        "generated:N");
  expect_least("latents", training.latents, 1);
  expect_least("k", training.k, 1);
  expect_least("steps", training.steps, 1);
  expect_least("tokens_per_step", training.tokens_per_step, 1);
  if (training.k > training.latents)
    throw UsageError("sparse_autoencoder: k is " + std::to_string(training.k) +
                     ", expected at most latents (" + std::to_string(training.latents) + ")");
  const auto number = [](bool holds, const char* name, double found, const char* range) {
    if (!holds)
      throw UsageError("sparse_autoencoder: " + std::string(name) + " is " + std::to_string(found) +
                       ", expected " + range);
  };
  // Larger ones are not float32 numbers after the corrections of Adam.
  number(training.learning_rate > 0 && training.learning_rate <= 1e30, "learning_rate",
         training.learning_rate, "above 0, at most 1e30");
  number(training.auxiliary >= 0 && std::isfinite(training.auxiliary), "auxiliary",
         training.auxiliary, "at least 0");
  number(training.held_out > 0 && training.held_out < 1, "held_out", training.held_out,
         "between 0 and 1");
}

void add_options(Dataset& dataset, const SparseAutoencoderOptions& options) {
  auto& attributes = dataset.attributes;
  attributes["hook"] = options.hook;
  attributes["text"] = options.text.empty() ? "the prompt" : options.text;
  attributes["window"] = options.window;
  attributes["windows"] = options.windows;
  attributes["top_features"] = options.top_features;
  attributes["top_tokens"] = options.top_tokens;
  attributes["feature"] = joined(options.feature);
  attributes["examples"] = options.examples;
  attributes["center"] = options.center;
  attributes["exclude_special"] = static_cast<std::int64_t>(options.exclude_special);
  attributes["splice"] = static_cast<std::int64_t>(options.splice);
  attributes["error_term"] = static_cast<std::int64_t>(options.error_term);
  attributes["attribute"] = static_cast<std::int64_t>(options.attribute);
}

void add_training_options(Dataset& dataset, const SparseAutoencoderTraining& training) {
  auto& attributes = dataset.attributes;
  attributes["text"] = training.text;
  attributes["latents"] = training.latents;
  attributes["k"] = training.k;
  attributes["steps"] = training.steps;
  attributes["tokens_per_step"] = training.tokens_per_step;
  attributes["learning_rate"] = training.learning_rate;
  attributes["auxiliary"] = training.auxiliary;
  attributes["held_out"] = training.held_out;
}

}  // namespace lensbench::dictionaries

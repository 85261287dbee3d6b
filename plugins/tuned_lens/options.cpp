#include "options.hpp"

#include <cmath>
#include <lensbench/error.hpp>
#include <string>

namespace lensbench::tuned {
namespace {

void expect(bool holds, const char* name, double found, const char* range) {
  if (holds) return;
  throw UsageError("tuned_lens: " + std::string(name) + " is " + std::to_string(found) +
                   ", expected " + range + "; give a number in this range");
}

}  // namespace

TunedLensTraining training_of(const Parameters& parameters) {
  TunedLensTraining training;
  training.text = parameters.text("text");
  training.window = parameters.integer("window");
  training.steps = parameters.integer("steps");
  training.tokens_per_step = parameters.integer("tokens_per_step");
  training.rows_per_window = parameters.integer("rows_per_window");
  training.learning_rate = parameters.number("learning_rate");
  training.momentum = parameters.number("momentum");
  training.weight_decay = parameters.number("weight_decay");
  training.clip = parameters.number("clip");
  training.clip_over = parameters.text("clip_over") == "all" ? ClipOver::all : ClipOver::layer;
  training.held_out = parameters.number("held_out");
  training.bias_only = parameters.boolean("bias_only");
  return training;
}

void check_training(const TunedLensTraining& training) {
  if (training.text.empty())
    throw UsageError(
        "tuned_lens: training needs text; give a file with one document in each line, or "
        "generated:N");
  const auto positive = [](double value) { return value > 0 && std::isfinite(value); };
  expect(training.window >= 2, "window", static_cast<double>(training.window), "at least 2");
  expect(training.steps >= 1, "steps", static_cast<double>(training.steps), "at least 1");
  expect(training.tokens_per_step >= 1, "tokens_per_step",
         static_cast<double>(training.tokens_per_step), "at least 1");
  expect(training.rows_per_window >= 0, "rows_per_window",
         static_cast<double>(training.rows_per_window), "at least 0");
  expect(positive(training.learning_rate), "learning_rate", training.learning_rate, "above 0");
  expect(training.momentum >= 0 && training.momentum < 1, "momentum", training.momentum,
         "0 to less than 1");
  expect(training.weight_decay >= 0 && std::isfinite(training.weight_decay), "weight_decay",
         training.weight_decay, "at least 0");
  expect(training.clip >= 0 && std::isfinite(training.clip), "clip", training.clip, "at least 0");
  expect(training.held_out > 0 && training.held_out < 1, "held_out", training.held_out,
         "between 0 and 1");
}

void add_training_attributes(Dataset& dataset, const TunedLensTraining& training) {
  auto& attributes = dataset.attributes;
  attributes["text"] = training.text;
  attributes["window"] = training.window;
  attributes["steps"] = training.steps;
  attributes["tokens_per_step"] = training.tokens_per_step;
  attributes["rows_per_window"] = training.rows_per_window;
  attributes["learning_rate"] = training.learning_rate;
  attributes["momentum"] = training.momentum;
  attributes["weight_decay"] = training.weight_decay;
  attributes["clip"] = training.clip;
  attributes["clip_over"] = training.clip_over == ClipOver::all ? "all" : "layer";
  attributes["held_out"] = training.held_out;
  attributes["bias_only"] = static_cast<std::int64_t>(training.bias_only);
}

}  // namespace lensbench::tuned

#include "options.hpp"

#include <algorithm>
#include <cmath>
#include <lensbench/error.hpp>

#include "recall.hpp"
#include "relation_map.hpp"

namespace lensbench::facts {
namespace {

[[noreturn]] void refuse(const std::string& message) {
  throw UsageError("facts: " + message);
}

void check_least(const char* name, std::int64_t value, std::int64_t least) {
  if (value < least)
    refuse(std::string(name) + " is " + std::to_string(value) + "; give at least " +
           std::to_string(least));
}

void check_map_options(const TransformerSpec& spec, const FactsOptions& options) {
  if (options.map_layer < 0 || options.map_layer >= spec.n_layers)
    refuse("map_layer is " + std::to_string(options.map_layer) +
           ", but a map starts before the last block; give 0 (the embeddings) to " +
           std::to_string(spec.n_layers - 1));
  if (!std::isfinite(options.map_beta)) refuse("map_beta is not finite; give a number");
  check_least("map_training", options.map_training, 1);
  if (spec.d_model > options.map_most_width)
    refuse("relation_map needs " + std::to_string(spec.d_model) +
           " backward rows for each training subject, one for each dimension of the stream, more "
           "than map_most_width (" +
           std::to_string(options.map_most_width) + "); set map_most_width=" +
           std::to_string(spec.d_model) + " if the time is there, or leave out relation_map");
}

std::int64_t training_subjects(const FactsPlan& plan, const FactsOptions& options) {
  std::int64_t subjects = 0;
  for (std::size_t r = 0; r < plan.relations.size(); ++r)
    subjects += std::ssize(split_subjects(plan, r, options.map_training, 0).training);
  return subjects;
}

/// Cost of one forward of some rows of one token through all blocks.
SweepCost token_cost(const TransformerSpec& spec, std::int64_t rows) {
  const std::vector<SweepCell> cells(static_cast<std::size_t>(rows),
                                     SweepCell{{{"hook_resid_pre", 0, {}, {}, {}}}});
  SweepOptions options;
  options.most_cells = rows;
  return sweep_cost(spec, 1, cells, options);
}

double prompt_positions(const FactsPlan& plan) {
  double positions = 0;
  for (const Prompt& prompt : plan.prompts) {
    positions += static_cast<double>(prompt.tokens.size());
    for (const Continuation& one : prompt.continuations)
      positions += static_cast<double>(one.ids.size() - 1);
  }
  return positions;
}

/// Positions of the whole forwards with noise on other tokens.
double control_positions(const FactsPlan& plan, const PlannedFact& fact,
                         const FactsOptions& options) {
  if (options.corruption != "noise") return 0;
  const Prompt& prompt = plan.prompts[fact.templates.front().object.prompt];
  return static_cast<double>(options.samples) * static_cast<double>(prompt.tokens.size());
}

/// Rows that are decoded over the vocabulary: each token of a continuation, and the lens.
double decoded_rows(const TransformerSpec& spec, const FactsPlan& plan) {
  double rows = static_cast<double>(plan.facts.size()) * static_cast<double>(spec.n_layers + 1);
  for (const Prompt& prompt : plan.prompts)
    for (const Continuation& one : prompt.continuations)
      rows += static_cast<double>(one.ids.size());
  return rows;
}

}  // namespace

FactsOptions options_of(const Parameters& parameters) {
  FactsOptions options;
  options.prompt_template = parameters.text("template");
  options.blank = parameters.text("join") == "blank";
  options.agreement = parameters.number("agreement");
  options.min_lift = parameters.number("min_lift");
  options.trace = parameters.boolean("trace");
  options.corruption = parameters.text("corruption");
  options.noise = parameters.number("noise");
  options.samples = parameters.integer("samples");
  options.window = parameters.integer("window");
  options.relation_map = parameters.boolean("relation_map");
  options.map_layer = parameters.integer("map_layer");
  options.map_beta = parameters.number("map_beta");
  options.map_training = parameters.integer("map_training");
  options.map_most_width = parameters.integer("map_most_width");
  options.most_rows = parameters.integer("most_rows");
  return options;
}

void check_options(const Model& model, const FactsOptions& options) {
  if (!(options.agreement > 0 && options.agreement <= 1))
    refuse("agreement is " + std::to_string(options.agreement) +
           "; give a share of the templates above 0 and at most 1");
  if (!std::isfinite(options.min_lift)) refuse("min_lift is not finite; give a number of nats");
  if (!(options.noise >= 0) || !std::isfinite(options.noise))
    refuse("noise is " + std::to_string(options.noise) + "; give 0 or a positive number");
  if (options.corruption != "neutral" && options.corruption != "noise")
    refuse("unknown corruption '" + options.corruption + "'; give neutral or noise");
  check_least("samples", options.samples, 1);
  check_least("window", options.window, 1);
  check_least("most_rows", options.most_rows, 1);
  if (options.relation_map) check_map_options(model.spec(), options);
}

void check_map(const FactsPlan& plan, const FactsOptions& options) {
  if (options.relation_map && training_subjects(plan, options) == 0)
    refuse(
        "relation_map needs a relation of at least two subjects, one to fit and one to measure, "
        "but each relation has one; give more facts, or leave out relation_map");
}

std::int64_t work_items(const FactsPlan& plan, const FactsOptions& options) {
  std::int64_t items = std::ssize(plan.prompts);
  if (options.trace) items += std::ssize(plan.facts);
  if (options.relation_map) items += training_subjects(plan, options);
  return items;
}

/// Operations of relation maps. Each of d_model rows goes back through the blocks after map_layer,
/// at about the cost of a forward.
double map_flops(const TransformerSpec& spec, const FactsPlan& plan, const FactsOptions& options,
                 double longest) {
  const auto subjects = static_cast<double>(training_subjects(plan, options));
  const auto blocks = static_cast<double>(spec.n_layers - options.map_layer);
  return subjects * static_cast<double>(spec.d_model) * longest * token_cost(spec, 1).flops *
         blocks / static_cast<double>(spec.n_layers);
}

/// Memory of a relation map: the graph keeps what the blocks after map_layer computed, for all rows
/// of a batch.
double map_bytes(const TransformerSpec& spec, const FactsOptions& options, double longest) {
  const std::int64_t rows = std::min(options.most_rows, spec.d_model);
  const auto width = static_cast<double>(spec.d_model);
  const auto blocks = static_cast<double>(spec.n_layers - options.map_layer);
  return blocks * longest * token_cost(spec, rows).bytes + 24 * width * width;
}

CostEstimate cost_of(const Model& model, const FactsPlan& plan, const FactsOptions& options) {
  const TransformerSpec& spec = model.spec();
  const double of_token = token_cost(spec, 1).flops;
  const auto width = static_cast<double>(spec.d_model);
  double flops = of_token * prompt_positions(plan);
  flops += 2 * decoded_rows(spec, plan) * static_cast<double>(spec.vocab_size) * width;
  double bytes = 0, longest = 0;
  for (const Prompt& prompt : plan.prompts)
    longest = std::max(longest, static_cast<double>(prompt.tokens.size()));
  bytes = longest * token_cost(spec, options.most_rows).bytes;
  for (std::size_t i = 0; options.trace && i < plan.facts.size(); ++i) {
    const SweepCost trace = trace_cost(spec, plan, plan.facts[i].templates.front(), options);
    flops += trace.flops + of_token * control_positions(plan, plan.facts[i], options);
    bytes = std::max(bytes, trace.bytes);
  }
  if (options.relation_map) {
    flops += map_flops(spec, plan, options, longest);
    bytes = std::max(bytes, map_bytes(spec, options, longest));
  }
  return {flops, bytes, work_items(plan, options)};
}

}  // namespace lensbench::facts

#include "composition.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>

#include <algorithm>
#include <lensbench/error.hpp>
#include <lensbench/target.hpp>
#include <lensbench/tensor_file.hpp>

#include "analysis.hpp"
#include "checks.hpp"
#include "result.hpp"
#include "rotation.hpp"

namespace lensbench::composition {
namespace {

/// A direction of the stream from a file.
at::Tensor direction_of(const std::string& source, std::int64_t d_model) {
  const TensorFile file(source);
  if (!file.contains("direction") && file.names().size() != 1)
    throw UsageError("composition: direction_file '" + source + "' has " +
                     std::to_string(file.names().size()) +
                     " tensors and none is named direction; name the direction so, or leave it "
                     "alone in the file");
  // A file with a single tensor needs no agreed name.
  const std::string name = file.contains("direction") ? "direction" : file.names().front();
  const at::Tensor direction = file.read(name, {d_model}).to(at::kDouble);
  if (!(direction.norm().item<double>() > 0.0))
    throw UsageError("composition: the direction '" + name + "' of '" + source +
                     "' is zero; give a vector that is not");
  return direction;
}

/// Bounds that the parameter table cannot know, since they depend on the model.
void check_number(const char* name, std::int64_t value, std::int64_t least, std::int64_t most,
                  const std::string& reason) {
  if (value >= least && value <= most) return;
  throw UsageError(std::string("composition: ") + name + " is " + std::to_string(value) +
                   "; give " + std::to_string(least) + " to " + std::to_string(most) + reason);
}

void check_options(const TransformerSpec& spec, const CompositionOptions& options) {
  // A matrix of rank d_head has no further directions.
  const std::int64_t rank = std::min(spec.d_model, spec.attention.d_head);
  check_number("directions", options.directions, 0, rank, ", the width of a head");
  check_number("top_k", options.top_k, 1, spec.vocab_size, ", the size of the vocabulary");
  // A standard deviation needs two draws; the upper bound limits the time that a mistake can cost.
  check_number("baseline_draws", options.baseline_draws, 2, 10000, "");
  check_offset(spec, options.offset);
  if (options.direction && !options.direction_file.empty())
    throw UsageError("composition: direction and direction_file are both set; set one of them");
  if (options.direction)
    check_number("direction", *options.direction, 0, spec.vocab_size - 1, ", a token id");
}

AnalysisPlan make_plan(const HeadWeights& weights, const CompositionOptions& options,
                       std::uint64_t seed) {
  AnalysisPlan plan{.modes = parse_modes(options.modes),
                    .directions = options.directions,
                    .top_k = options.top_k,
                    .baseline_draws = options.baseline_draws,
                    .seed = seed,
                    .read_direction = {},
                    .write_direction = {}};
  // A token has two directions: its embedding is read, the row of its logit is written.
  if (options.direction) {
    plan.read_direction = weights.embeddings(*options.direction, 1)[0];
    plan.write_direction = weights.logit_vectors(*options.direction, 1)[0];
  } else if (!options.direction_file.empty()) {
    plan.read_direction = plan.write_direction =
        direction_of(options.direction_file, weights.model().spec().d_model);
  }
  return plan;
}

}  // namespace

void CompositionTool::check_compatible(const Model& model) const {
  const TransformerSpec& spec = model.spec();
  if (spec.norm_placement == NormPlacement::after_add || spec.masked_language_model)
    throw UsageError("composition: model family '" + spec.family +
                     "' normalises the stream after each sublayer, so a head does not read what "
                     "another one wrote; use another model, such as GPT-2 or Llama");
  if (spec.latent)
    throw UsageError("composition: '" + spec.family +
                     "' makes the keys and values of all heads of one normalised vector, so a head "
                     "does not have matrices W_K and W_V of its own; use another model, such as "
                     "GPT-2 or Llama");
  if (spec.d_embedding > 0)
    throw UsageError("composition: this '" + spec.family +
                     "' model projects embeddings to another width; use a model whose stream has "
                     "the width of the embedding");
}

CompositionOptions CompositionTool::options_of(const Parameters& parameters) const {
  CompositionOptions options;
  options.modes = parameters.list("modes");
  options.fold_norm = parameters.boolean("fold_norm");
  options.offset = parameters.integer("offset");
  options.directions = parameters.integer("directions");
  options.top_k = parameters.integer("top_k");
  if (parameters.is_set("direction"))
    options.direction = parse_target(model(), parameters.text("direction")).id;
  options.direction_file = parameters.text("direction_file");
  options.baseline_draws = parameters.integer("baseline_draws");
  return options;
}

void CompositionTool::check_parameters(const Parameters& parameters) const {
  const CompositionOptions options = options_of(parameters);
  check_options(model().spec(), options);
  if (!options.direction_file.empty()) direction_of(options.direction_file, model().spec().d_model);
}

Dataset CompositionTool::run(const Request& request) {
  // The weights do not change between cases: all prompts of a run share one analysis.
  const Settings& settings = request.parameters().values();
  if (!last_ || last_settings_ != settings) {
    last_ = analyze(options_of(request.parameters()));
    last_settings_ = settings;
  }
  return *last_;
}

Dataset CompositionTool::analyze(const CompositionOptions& options) {
  check_compatible(model());
  const TransformerSpec& spec = model().spec();
  check_options(spec, options);
  const HeadWeights weights(model(), options.fold_norm, options.offset);
  const AnalysisPlan plan = make_plan(weights, options, context().seed());
  const Analysis found = analyse(context(), weights, plan);

  Dataset dataset = result_of(plan, found, spec, options);
  context().record_file(dataset, "direction_file", options.direction_file);
  dataset.receipts = receipts_of(plan, found);
  return dataset;
}

}  // namespace lensbench::composition

#include "interchange.hpp"

#include <algorithm>
#include <lensbench/error.hpp>
#include <utility>

#include "measure.hpp"
#include "options.hpp"
#include "place_rows.hpp"
#include "read_pairs.hpp"
#include "receipts.hpp"
#include "result.hpp"

namespace lensbench::interchange {

void InterchangeTool::check_compatible(const Model& model) const {
  const TransformerSpec& spec = model.spec();
  if (spec.masked_language_model || !spec.attention.causal)
    throw UsageError("interchange: '" + spec.family +
                     "' predicts masked tokens, not the next one, so an answer after a prompt is "
                     "not defined here; use a causal language model");
  if (spec.n_layers < 1)
    throw UsageError("interchange: the model has 0 blocks; expected at least one");
}

void InterchangeTool::check_parameters(const Parameters& parameters) const {
  plan_of(parameters);
}

CostEstimate InterchangeTool::estimate(const Request& request) const {
  const InterchangePlan plan = plan_of(request.parameters());
  const TransformerSpec& spec = model().spec();
  const auto blocks = static_cast<double>(spec.n_layers), width = static_cast<double>(spec.d_model);
  const auto bases = static_cast<double>(plan.options.basis.size()),
             controls = static_cast<double>(plan.options.controls.size()),
             places = static_cast<double>(plan.n_places());
  double tokens = 0;
  for (const InterchangePair& pair : plan.pairs)
    tokens += static_cast<double>(std::max(pair.base.size(), pair.source.size()));
  // The base, each exchange and its controls are a forward each; a step of a training is three, for
  // 16 pairs, the labels and two controls. Each model reads bases and sources once at a position.
  const double mean_length = tokens / static_cast<double>(plan.n_pairs());
  const double models = has_control(plan.options, "random_weights") ? 2 : 1;
  const double readings = models * 2 * static_cast<double>(plan.options.position.size());
  double run = tokens * (1 + bases * (2 + controls));
  if (has_basis(plan.options, "das"))
    run += static_cast<double>(plan.options.steps) * 3 * 3 * 16 * mean_length;
  CostEstimate cost;
  cost.flops = 24 * blocks * width * width * (run * places + tokens * readings);
  // The control of random weights is a copy of the matrices of all blocks.
  const double copied = (models - 1) * 12 * blocks * width * width;
  const auto rows = static_cast<double>(RowReader(model(), plan).bytes());
  cost.bytes = models * rows +
               4 * (copied + places * bases * static_cast<double>(plan.options.rank * plan.width)) +
               4 * 16 * static_cast<double>(spec.vocab_size) * 4;
  cost.items = plan.n_places();
  return cost;
}

Dataset InterchangeTool::run(const Request& request) {
  const Parameters& parameters = request.parameters();
  const std::string &file = parameters.text("pairs"), &probe = parameters.text("probe");
  // The answer is kept by the digest of the pairs, since the file may change between two requests
  // of the same name. A part of an archive does not have a digest, so that an answer by directions
  // of a file is not kept.
  std::string key = context().file_digest(file);
  for (const auto& [name, value] : parameters.values()) key += name + '=' + value + '\0';
  if (probe.empty() && last_ && last_key_ == key) return *last_;
  Dataset dataset = measured(plan_of(parameters));
  context().record_file(dataset, "pairs", file);
  context().record_file(dataset, "probe", probe);
  last_key_ = std::move(key);
  last_ = dataset;
  return dataset;
}

Dataset InterchangeTool::exchange(const std::vector<InterchangePair>& pairs,
                                  const InterchangeOptions& options) {
  check_compatible(model());
  return measured(make_plan(model(), {pairs}, options, context().seed()));
}

InterchangePlan InterchangeTool::plan_of(const Parameters& parameters) const {
  return make_plan(model(), read_pairs(model(), parameters.text("pairs")), options_of(parameters),
                   context().seed());
}

Dataset InterchangeTool::measured(const InterchangePlan& plan) {
  const Found found = measure_places(context(), plan);
  Dataset dataset = result_of(plan, found);
  dataset.attributes["probe"] = std::string();  // a request names the file
  add_receipts(dataset, context(), plan, found);
  return dataset;
}

std::vector<InterchangePair> InterchangeTool::read(const std::string& file) const {
  return read_pairs(model(), file).pairs;
}

}  // namespace lensbench::interchange

#include "activation_patching.hpp"

#include <lensbench/error.hpp>
#include <utility>

#include "common/same_prompt.hpp"
#include "common/unused_parameter.hpp"
#include "grid.hpp"
#include "reference.hpp"
#include "swept.hpp"

namespace lensbench::patching {
namespace {

/// Subject of messages about means over reference prompts.
constexpr const char* kMeanSource = "activation_patching: source mean";

/// Options by name; values were checked against the parameter table before.
ActivationPatchingOptions options_of(const Model& model, const Parameters& parameters) {
  ActivationPatchingOptions options;
  options.metric = metric_options(model, parameters);
  options.direction = parse_direction(parameters.text("direction"));
  options.points = parameters.list("points");
  options.head_points = parameters.list("head_points");
  options.by_position = parameters.boolean("by_position");
  options.most_cells = parameters.integer("most_cells");
  options.min_gap = parameters.number("min_gap");
  options.reference = parameters.text("reference");
  return options;
}

void add_texts(Dataset& dataset, const char* name, const Tokens& drawn, const char* long_name) {
  dataset.add({.name = name,
               .dims = {"token"},
               .strings = drawn.texts,
               .long_name = long_name,
               .coordinate = true});
}

/// An ablation changes the prompt itself; only drawn prompts have tokens of their own.
void add_token_axes(Dataset& dataset, const Tokens& tokens, const std::optional<Drawn>& drawn) {
  add_token_axis(dataset, tokens.ids, tokens.texts);
  if (!drawn) return;
  add_texts(dataset, "source_token", drawn->source,
            "token text of the drawn prompt at this position");
  if (drawn->control)
    add_texts(dataset, "control_token", *drawn->control,
              "token text of the control's drawn prompt at this position");
}

}  // namespace

void ActivationPatchingTool::check_compatible(const Model& model) const {
  if (model.spec().n_layers < 1)
    throw UsageError("activation_patching: the model has 0 blocks; expected at least one");
}

/// Points are looked up here so that a name that the family lacks fails before the first case.
void ActivationPatchingTool::check_parameters(const Parameters& parameters) const {
  const auto points =
      grid_points(model().spec(), parameters.list("points"), parameters.list("head_points"));
  const std::string& source = parameters.text("source");
  const std::string& reference = parameters.text("reference");
  if (!reference.empty() && source != "mean" && source != "resample")
    throw UsageError("activation_patching: reference is '" + reference +
                     "', but only source mean and resample use it; leave out reference");
  if (source != "pair")
    refuse_unused(parameters, "activation_patching",
                  {"corrupted", "corrupted_ids", "direction", "min_gap"}, "source=pair");
  const ReferencePrompts prompts(context(), reference);
  if (source == "mean") prompts.check_mean(kMeanSource);
  // Reads the whole file, whose faults would otherwise end each case.
  if (source == "resample" && !reference.empty()) prompts.for_each([](const Tokens&) {});
}

/// The cost follows from shapes: the cells are made without values and nothing is run.
CostEstimate ActivationPatchingTool::estimate(const Request& request) const {
  const ActivationPatchingOptions options = options_of(model(), request.parameters());
  const TransformerSpec& spec = model().spec();
  const Grid grid = make_grid(spec, grid_points(spec, options.points, options.head_points),
                              request.tokens().size(), options.by_position, nullptr);
  SweepOptions sweep;
  sweep.metric_position = options.metric.position;
  sweep.most_cells = options.most_cells;
  const SweepCost cost = sweep_cost(spec, request.tokens().size(), grid.cells, sweep);
  const std::int64_t sweeps = request.parameters().text("source") == "resample" ? 2 : 1;
  return {static_cast<double>(sweeps) * cost.flops, cost.bytes, sweeps * cost.cells};
}

/// A pair needs the second prompt of the case; every other source replaces by something else.
Dataset ActivationPatchingTool::run(const Request& request) {
  const Parameters& parameters = request.parameters();
  const ActivationPatchingOptions options = options_of(model(), parameters);
  const Target target = target_of(model(), request);
  const std::string& source = parameters.text("source");
  return source == "pair" ? patch(request.tokens(), request.corrupted(), target, options)
                          : ablate(request.tokens(), source, target, options);
}

Dataset ActivationPatchingTool::patch(const Tokens& clean, const Tokens& corrupted,
                                      const Target& target,
                                      const ActivationPatchingOptions& options) {
  const PairedRuns pair("activation_patching", clean, corrupted, options.direction);
  // Equal prompts would give a gap of 0 after a whole sweep.
  if (common::same_prompt(clean, corrupted))
    throw UsageError(
        "activation_patching: the two prompts are equal token for token; give a second prompt that "
        "differs");
  const auto points = grid_points(model().spec(), options.points, options.head_points);
  // The source run is read once; its values serve all cells.
  const RunValues source = read_run(model(), pair.source(), pair.base(), points);
  const at::Tensor base_stream = last_stream(model(), pair.base());
  const bool denoise = options.direction == Direction::denoise;
  // The target `model` is the prediction on the clean prompt, whichever run is changed.
  MetricReader reader("activation_patching", model(), clean,
                      denoise ? source.residual : base_stream, target, options.metric);
  // The divergence `kl` compares with the distribution of the base run.
  reader.set_base(base_stream[reader.position()]);
  const double source_metric =
      reader(source.residual.narrow(0, reader.position(), 1)).item<double>();
  const Plan plan{context(), pair.base(), reader, points, source.values, options};
  const Swept swept = run_sweep(plan, &pair.source(), source_metric);
  const Gap gap{swept.base_metric, source_metric, options.min_gap};

  Dataset dataset;
  pair.describe(dataset);
  add_axes(dataset, model().spec(), swept.grid);
  add_cells(dataset, plan, swept, &gap);
  // In the changed clean run the metric falls where a component matters.
  add_claims(dataset, plan, denoise ? "effect.denoise" : "effect.noise negated");
  add_scalar(dataset, "base_metric", gap.base, reader.units(), "metric of the run that is changed");
  add_scalar(dataset, "source_metric", gap.source, reader.units(),
             "metric of the run that values come from");
  add_scalar(dataset, "gap", gap.value(), reader.units(), "source_metric minus base_metric");
  add_options(dataset, plan, "pair");
  dataset.attributes["min_gap"] = options.min_gap;
  // Version of the definition of the numbers; it changes with their meaning, not with the code.
  Provenance{.definition = "activation_patching/1"}.describe(dataset);
  dataset.receipts = swept.receipts;
  return dataset;
}

/// The means over the reference prompts are the same for every case of a run, so they are computed
/// once and kept under a key of prompts and points.
const Values& ActivationPatchingTool::means(const ReferencePrompts& reference,
                                            const std::vector<GridPoint>& points) {
  std::string key = reference.key();
  for (const GridPoint& point : points) key += " " + point.prefix();
  if (key != means_key_) {
    reference.check_mean(kMeanSource);
    means_ = mean_values(context(), reference, points);
    means_key_ = key;
  }
  return means_;
}

/// Every source gives values of the same form, so the sweep does not know where they come from.
Values ActivationPatchingTool::fixed_values(const std::string& replacement, const Tokens& tokens,
                                            const std::vector<GridPoint>& points,
                                            const ReferencePrompts& reference) {
  if (replacement == "zero") return zero_values(model(), points);
  if (replacement == "mean") return means(reference, points);
  if (replacement == "mean_of_prompt") return mean_of_prompt_values(model(), tokens, points);
  throw UsageError("activation_patching: unknown source '" + replacement +
                   "'; give zero, mean, mean_of_prompt or resample");
}

Dataset ActivationPatchingTool::ablate(const Tokens& tokens, const std::string& replacement,
                                       const Target& target,
                                       const ActivationPatchingOptions& options) {
  if (tokens.size() == 0)
    throw UsageError("activation_patching: the prompt is empty; give at least one token");
  const auto points = grid_points(model().spec(), options.points, options.head_points);
  const ReferencePrompts reference(context(), options.reference);
  std::optional<Drawn> drawn;
  if (replacement == "resample") drawn = draw(context(), reference, tokens);
  const Values values = drawn ? read_run(model(), drawn->source, tokens, points).values
                              : fixed_values(replacement, tokens, points, reference);
  const at::Tensor stream = last_stream(model(), tokens);
  MetricReader reader("activation_patching", model(), tokens, stream, target, options.metric);
  reader.set_base(stream[reader.position()]);
  const Plan plan{context(), tokens, reader, points, values, options, drawn && drawn->control};
  const Swept swept = run_sweep(plan, nullptr, 0.0);
  at::Tensor control;
  if (plan.with_control)
    control = run_control(plan, swept, read_run(model(), *drawn->control, tokens, points).values);

  Dataset dataset;
  add_token_axes(dataset, tokens, drawn);
  add_axes(dataset, model().spec(), swept.grid);
  add_cells(dataset, plan, swept, nullptr);
  if (drawn) add_control(dataset, plan, swept, control);
  if (!drawn) add_claims(dataset, plan, "effect." + replacement + " negated");
  add_scalar(dataset, "base_metric", swept.base_metric, reader.units(),
             "metric of the run that is changed");
  add_options(dataset, plan, replacement);
  dataset.attributes["base_run"] = "clean";
  dataset.attributes["source_run"] = replacement;
  dataset.attributes["sign"] = "effect = m(changed) - m(base)";
  if (replacement == "mean" || drawn) reference.describe(dataset);
  Provenance{.definition = "activation_patching/1",
             .seed_stream = drawn ? static_cast<std::int64_t>(kDrawStream) : -1}
      .describe(dataset);
  dataset.receipts = swept.receipts;
  return dataset;
}

}  // namespace lensbench::patching

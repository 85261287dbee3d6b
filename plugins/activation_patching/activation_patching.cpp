#include "activation_patching.hpp"

#include <ATen/ops/arange.h>
#include <ATen/ops/scalar_tensor.h>

#include <lensbench/error.hpp>
#include <set>
#include <utility>

#include "grid.hpp"
#include "receipts.hpp"
#include "reference.hpp"

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

/// Everything of one sweep before it is run.
struct Plan {
  Context& context;
  const Tokens& base;
  const MetricReader& reader;
  const std::vector<GridPoint>& points;
  const Values& values;
  const ActivationPatchingOptions& options;
};

/// A sweep with its receipts.
struct Swept {
  Grid grid;
  SweepResult result;
  double base_metric = 0.0;
  std::vector<Receipt> receipts = {};
};

/// Progress goes to the terminal, and an interrupt of the run ends the sweep between two forwards.
SweepOptions sweep_options(Context& context, std::int64_t position,
                           const ActivationPatchingOptions& options, std::int64_t total) {
  SweepOptions sweep;
  sweep.metric_position = position;
  sweep.most_cells = options.most_cells;
  sweep.progress = [&context, total](std::int64_t done) {
    context.progress(done, total);
    if (context.cancelled()) throw RunError("activation_patching: the run was interrupted");
  };
  return sweep;
}

/// Runs the cells. \param source  the other run of a pair; nullptr for an ablation
Swept sweep(const Plan& plan, const Tokens* source, double source_metric) {
  const Model& model = plan.context.model();
  Swept swept;
  // All cells of all points are one sweep, so that cells of different points share forwards.
  swept.grid = make_grid(model.spec(), plan.points, plan.base.size(), plan.options.by_position,
                         &plan.values);
  std::vector<SweepCell> cells = swept.grid.cells;
  const auto n_cells = static_cast<std::int64_t>(cells.size());
  // One more cell replaces the whole stream at the middle block: it must give the metric of the
  // source run, which a receipt checks.
  const GridPoint stream{"resid_pre"};
  const std::int64_t middle = model.spec().n_layers / 2;
  if (source != nullptr) {
    const Values of_stream = read_run(model, *source, plan.base, {stream}).values;
    cells.push_back({{{stream.hook(), middle, {}, {}, of_stream.at(place_of(stream, middle))}}});
  }
  const RowMetrics metrics = plan.reader.rows();
  const SweepOptions options = sweep_options(plan.context, plan.reader.position(), plan.options,
                                             static_cast<std::int64_t>(cells.size()));
  swept.result = sweep_cells(model, plan.base, cells, metrics, options);
  swept.base_metric = swept.result.base_metrics.item<double>();
  // Errors are relative to the gap, below which a rounding has no meaning.
  const SweepCheck check{
      model, plan.base, cells, metrics, options, swept.result, source_metric - swept.base_metric};
  std::set<std::string> hooks;
  for (const GridPoint& point : plan.points) hooks.insert(written_hook(point));
  swept.receipts = {self_replacement(check, {hooks.begin(), hooks.end()}),
                    some_write_has_effect(check, n_cells), batched_equals_single(check)};
  // An ablation lacks a source run, and thus the two receipts that compare with it.
  if (source == nullptr) return swept;
  swept.receipts.push_back(
      restores_source(check, swept.result.metrics.select(1, n_cells),
                      at::scalar_tensor(source_metric, at::kDouble).view({1, 1})));
  swept.receipts.push_back(pattern_and_values_are_z(check, *source));
  return swept;
}

/// The axes `head` and `kv_head` exist only if a point has heads; grouped models have both.
void add_axes(Dataset& dataset, const TransformerSpec& spec, const Grid& grid) {
  dataset.add_coordinate("block", at::arange(spec.n_layers, at::kInt), "block, counted from 0");
  for (const PointCells& cells : grid.points)
    if (cells.point.by_head && !dataset.contains(cells.point.head_axis))
      dataset.add_coordinate(cells.point.head_axis, at::arange(cells.point.n_heads, at::kInt),
                             std::string(cells.point.head_axis) == "head"
                                 ? "attention head"
                                 : "head that has keys and values");
}

std::vector<std::string> dims_of(const PointCells& cells, bool by_position) {
  std::vector<std::string> dims = {"block"};
  if (cells.point.by_head) dims.emplace_back(cells.point.head_axis);
  if (by_position) dims.emplace_back("token");
  return dims;
}

/// \param gap  nullptr for an ablation
void add_cells(Dataset& dataset, const Plan& plan, const Swept& swept, const Gap* gap) {
  // An effect needs the base metric only; a recovery needs the gap, which an ablation lacks.
  const Gap of_base{swept.base_metric, 0.0, 0.0};
  for (const PointCells& cells : swept.grid.points) {
    // [base, cell, metric] of one base run and one metric.
    const at::Tensor metrics = cells.of(swept.result.metrics[0].select(1, 0));
    const auto dims = dims_of(cells, plan.options.by_position);
    const std::string what = cells.point.name + (cells.point.by_head ? " of one head" : "") +
                             " replaced at " +
                             (plan.options.by_position ? "this position" : "all positions");
    dataset.add(cells.point.prefix() + "_effect", dims, of_base.effect(metrics),
                plan.reader.units(), "metric with " + what + ", minus the base metric");
    if (gap != nullptr)
      dataset.add(cells.point.prefix() + "_recovery", dims, gap->recovery(metrics), "1",
                  "effect of " + what + " divided by the gap (NaN: gap below min_gap)");
  }
}

void add_scalar(Dataset& dataset, const char* name, double value, const char* units,
                const char* long_name) {
  dataset.add(name, {}, at::scalar_tensor(value, at::kDouble), units, long_name);
}

void add_options(Dataset& dataset, const Plan& plan, const std::string& source) {
  plan.reader.describe(dataset);
  dataset.attributes["source"] = source;
  dataset.attributes["points"] = plan.options.points;
  dataset.attributes["head_points"] = plan.options.head_points;
  dataset.attributes["by_position"] = static_cast<std::int64_t>(plan.options.by_position);
  dataset.attributes["most_cells"] = plan.options.most_cells;
  dataset.attributes["reference"] = "none";
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
  return {cost.flops, cost.bytes, cost.cells};
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
  if (!pair.differs().any().item<bool>())
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
  const Swept swept = sweep(plan, &pair.source(), source_metric);
  const Gap gap{swept.base_metric, source_metric, options.min_gap};

  Dataset dataset;
  pair.describe(dataset);
  add_axes(dataset, model().spec(), swept.grid);
  add_cells(dataset, plan, swept, &gap);
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
    means_ = mean_values(model(), reference, points);
    means_key_ = key;
  }
  return means_;
}

Dataset ActivationPatchingTool::ablate(const Tokens& tokens, const std::string& replacement,
                                       const Target& target,
                                       const ActivationPatchingOptions& options) {
  if (tokens.size() == 0)
    throw UsageError("activation_patching: the prompt is empty; give at least one token");
  const auto points = grid_points(model().spec(), options.points, options.head_points);
  const ReferencePrompts reference(context(), options.reference);
  // Every source gives values of the same form, so the sweep does not know where they come from.
  Values values;
  std::optional<Tokens> drawn;
  if (replacement == "zero") {
    values = zero_values(model(), points);
  } else if (replacement == "mean") {
    values = means(reference, points);
  } else if (replacement == "mean_of_prompt") {
    values = mean_of_prompt_values(model(), tokens, points);
  } else if (replacement == "resample") {
    drawn = draw(context(), reference, tokens);
    values = read_run(model(), *drawn, tokens, points).values;
  } else {
    throw UsageError("activation_patching: unknown source '" + replacement +
                     "'; give zero, mean, mean_of_prompt or resample");
  }
  const at::Tensor stream = last_stream(model(), tokens);
  MetricReader reader("activation_patching", model(), tokens, stream, target, options.metric);
  reader.set_base(stream[reader.position()]);
  const Plan plan{context(), tokens, reader, points, values, options};
  const Swept swept = sweep(plan, nullptr, 0.0);

  Dataset dataset;
  // An ablation changes the prompt itself; only a drawn prompt has tokens of its own.
  add_token_axis(dataset, tokens.ids, tokens.texts);
  if (drawn)
    dataset.add({.name = "source_token",
                 .dims = {"token"},
                 .strings = drawn->texts,
                 .long_name = "token text of the drawn prompt at this position",
                 .coordinate = true});
  add_axes(dataset, model().spec(), swept.grid);
  add_cells(dataset, plan, swept, nullptr);
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

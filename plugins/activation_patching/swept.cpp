#include "swept.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>
#include <ATen/ops/scalar_tensor.h>

#include <lensbench/error.hpp>
#include <limits>
#include <set>
#include <utility>

#include "receipts.hpp"

namespace lensbench::patching {
namespace {

/// Progress goes to the terminal, and an interrupt of the run ends the sweep between two forwards.
/// \param before  cells of an earlier sweep \param total  cells of all sweeps
SweepOptions sweep_options(const Plan& plan, std::int64_t before, std::int64_t total) {
  SweepOptions sweep;
  sweep.metric_position = plan.reader.position();
  sweep.most_cells = plan.options.most_cells;
  sweep.progress = [&context = plan.context, before, total](std::int64_t done) {
    context.progress(before + done, total);
    if (context.cancelled()) throw RunError("activation_patching: the run was interrupted");
  };
  return sweep;
}

/// Adds the receipts of a sweep. \param n_cells  number of cells without the one that checks
void add_receipts(Swept& swept, const Plan& plan, const SweepCheck& check, const Tokens* source,
                  std::int64_t n_cells, double source_metric) {
  std::set<std::string> hooks;
  for (const GridPoint& point : plan.points) hooks.insert(written_hook(point));
  swept.receipts = {self_replacement(check, {hooks.begin(), hooks.end()}),
                    some_write_has_effect(check, n_cells), batched_equals_single(check)};
  // An ablation lacks a source run, and thus the two receipts that compare with it.
  if (source == nullptr) return;
  swept.receipts.push_back(
      restores_source(check, swept.result.metrics.select(1, n_cells),
                      at::scalar_tensor(source_metric, at::kDouble).view({1, 1})));
  swept.receipts.push_back(pattern_and_values_are_z(check, *source));
}

std::vector<std::string> dims_of(const PointCells& cells, bool by_position) {
  std::vector<std::string> dims = {"block"};
  if (cells.point.by_head) dims.emplace_back(cells.point.head_axis);
  if (by_position) dims.emplace_back("token");
  return dims;
}

}  // namespace

Swept run_sweep(const Plan& plan, const Tokens* source, double source_metric) {
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
  const SweepOptions options =
      sweep_options(plan, 0, std::ssize(cells) * (plan.with_control ? 2 : 1));
  swept.result = sweep_cells(model, plan.base, cells, metrics, options);
  swept.base_metric = swept.result.base_metrics.item<double>();
  // Errors are relative to the gap, below which a rounding has no meaning.
  const SweepCheck check{
      model, plan.base, cells, metrics, options, swept.result, source_metric - swept.base_metric};
  add_receipts(swept, plan, check, source, n_cells, source_metric);
  return swept;
}

at::Tensor run_control(const Plan& plan, const Swept& swept, const Values& values) {
  const Model& model = plan.context.model();
  const Grid grid =
      make_grid(model.spec(), plan.points, plan.base.size(), plan.options.by_position, &values);
  const auto count = static_cast<std::int64_t>(grid.cells.size());
  const SweepResult result = sweep_cells(model, plan.base, grid.cells, plan.reader.rows(),
                                         sweep_options(plan, count, 2 * count));
  return result.metrics[0].select(1, 0) - swept.base_metric;
}

void add_control(Dataset& dataset, const Plan& plan, const Swept& swept,
                 const at::Tensor& effects) {
  constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
  for (const PointCells& cells : swept.grid.points)
    dataset.add(cells.point.prefix() + "_control", dims_of(cells, plan.options.by_position),
                effects.defined() ? cells.of(effects) : at::full(cells.shape, kNaN, at::kDouble),
                plan.reader.units(),
                "the effect with the activations of a second drawn prompt (NaN: there is no other "
                "reference prompt that is long enough)");
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

void add_claims(Dataset& dataset, const Plan& plan, const std::string& claim) {
  // Other metrics are not the difference that the claims are about.
  if (plan.reader.metric() != Metric::logit_difference) return;
  for (const GridPoint& point : plan.points) {
    const bool stream = plan.options.by_position && point.name == "resid_pre" && !point.by_head;
    const bool component =
        !plan.options.by_position &&
        (point.by_head ? point.name == "z" : point.name == "attn_out" || point.name == "mlp_out");
    // A stream is claimed for the restored run alone.
    if (!component && !(stream && claim == "effect.denoise")) continue;
    dataset.set_attribute(point.prefix() + "_effect", "claim", claim);
    dataset.set_attribute(point.prefix() + "_effect", "point", point.name);
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

}  // namespace lensbench::patching

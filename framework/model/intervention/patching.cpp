#include <ATen/core/grad_mode.h>

#include <cmath>
#include <lensbench/error.hpp>
#include <lensbench/patching.hpp>
#include <lensbench/sweep.hpp>
#include <map>
#include <utility>

#include "model/sweep/cell_writes.hpp"

namespace lensbench {
namespace {

constexpr const char* kPatchSweep = "patch_sweep";

[[noreturn]] void refuse_pair(const std::string& fault) {
  throw UsageError(std::string(kPatchSweep) + ": " + fault);
}

/// Metric of logits as a metric of the rows that they come from.
/// The metric may return [cell] or [cell, 1].
RowMetrics on_rows(const Model& model, const CellMetric& metric) {
  return [&model, &metric](const at::Tensor& rows) {
    const at::Tensor values = metric(model.unembed(model.final_norm(rows)));
    return values.defined() && values.numel() == rows.size(0) ? values.reshape({-1}) : values;
  };
}

/// Runs the clean prompt. \return its metric and, by hook name, the activations to patch in
std::pair<double, std::map<std::string, at::Tensor>> run_clean(
    const Model& model, const Tokens& clean, const SweptPoint& point,
    const std::vector<std::int64_t>& layers, std::int64_t position, const RowMetrics& metrics) {
  std::map<std::string, at::Tensor> activations;
  Hooks hooks;
  for (const std::int64_t layer : layers)
    hooks.read(point.in(layer),
               [&](const at::Tensor& x, const HookPoint& at) { activations[at.name] = x[0]; });
  ForwardOptions options;
  // The metric reads one row, so logits of the other positions are never computed.
  options.logits = ForwardOptions::Logits::none;
  const at::Tensor residual = model.forward(make_batch(clean), options, hooks).residual;
  const at::Tensor metric = metrics(residual.select(1, position));
  if (!metric.defined() || metric.numel() != 1)
    refuse_pair("the metric returned " + std::to_string(metric.defined() ? metric.numel() : 0) +
                " numbers for 1 cells");
  return {metric.to(at::kDouble).item<double>(), std::move(activations)};
}

/// The part of an activation of one sequence that a cell takes, with all axes.
at::Tensor patched_part(const at::Tensor& x, const SweptPoint& point, std::int64_t position,
                        std::int64_t head) {
  const at::Tensor row = x.narrow(point.position_axis - 1, position, 1);
  return head < 0 ? row : row.narrow(point.head_axis - 1, head, 1);
}

}  // namespace

CellMetric logit_difference(std::int64_t token, std::int64_t versus) {
  return [token, versus](const at::Tensor& logits) {
    for (const std::int64_t id : {token, versus})
      if (id < 0 || id >= logits.size(1))
        throw UsageError("logit_difference: token id " + std::to_string(id) +
                         " is outside the vocabulary of " + std::to_string(logits.size(1)) +
                         " tokens");
    return logits.select(1, token).sub(logits.select(1, versus));
  };
}

/// A cell is a forward of the corrupted prompt in which one activation has the value of the clean
/// prompt. `sweep_cells` restarts each cell at the block that it changes, so a sweep costs much
/// less than one forward for each cell.
PatchSweep patch_sweep(const Model& model, const Tokens& clean, const Tokens& corrupted,
                       const CellMetric& metric, const PatchSweepOptions& options) {
  const at::NoGradGuard no_gradients;
  const SweptPoint point = swept_point(model.spec(), kPatchSweep, options.hook);
  if (options.heads && point.head_axis < 0) refuse_pair("'" + point.name + "' lacks a head axis");
  // An activation of one prompt is written to the same position of the other.
  if (clean.size() != corrupted.size())
    refuse_pair("the clean prompt has " + std::to_string(clean.size()) +
                " tokens, the corrupted one " + std::to_string(corrupted.size()) +
                "; the lengths must be equal");
  PatchSweep result;
  result.layers =
      checked_indices(kPatchSweep, "layer", options.layers, model.spec().n_layers, false);
  result.positions =
      checked_indices(kPatchSweep, "position", options.positions, corrupted.size(), true);
  const std::int64_t position = checked_indices(kPatchSweep, "metric position",
                                                {options.metric_position}, corrupted.size(), true)
                                    .front();
  const RowMetrics metrics = on_rows(model, metric);
  const auto [clean_metric, activations] =
      run_clean(model, clean, point, result.layers, position, metrics);
  result.clean_metric = clean_metric;
  const std::int64_t heads = options.heads ? point.n_heads : 1;
  std::vector<SweepCell> cells;
  // Order of the result's axes: layer, position, head.
  for (const std::int64_t layer : result.layers)
    for (const std::int64_t at : result.positions)
      for (std::int64_t head = 0; head < heads; ++head) {
        CellWrite write{point.name, layer, {at}, {}, {}};
        if (options.heads) write.heads = {head};
        write.values =
            patched_part(activations.at(point.in(layer)), point, at, options.heads ? head : -1);
        cells.push_back({{std::move(write)}});
      }
  SweepOptions sweep;
  sweep.metric_position = position;
  sweep.most_cells = options.most_cells;
  const SweepResult swept = sweep_cells(model, corrupted, cells, metrics, sweep);
  result.corrupted_metric = swept.base_metrics.item<double>();
  // A gap of 0 would make every recovery infinite.
  if (result.clean_metric == result.corrupted_metric ||
      !std::isfinite(result.clean_metric - result.corrupted_metric))
    refuse_pair("the metric is " + std::to_string(result.clean_metric) +
                " on the clean prompt and " + std::to_string(result.corrupted_metric) +
                " on the corrupted one; recovery needs two different finite values");
  std::vector<std::int64_t> shape{static_cast<std::int64_t>(result.layers.size()),
                                  static_cast<std::int64_t>(result.positions.size())};
  if (options.heads) shape.push_back(heads);
  result.metric = swept.metrics.reshape(shape);
  result.recovery =
      result.metric.sub(result.corrupted_metric).div(result.clean_metric - result.corrupted_metric);
  return result;
}

}  // namespace lensbench

#include "prompt.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <cmath>
#include <lensbench/error.hpp>
#include <lensbench/gradients.hpp>
#include <lensbench/sweep_receipts.hpp>
#include <limits>

namespace lensbench::steering {
namespace {

/// Bytes of changed streams that are prepared at a time.
constexpr std::int64_t kSweepBytes = std::int64_t{1} << 28;

/// The sweep reads the metric of the request, then the KL divergence from the base run.
constexpr std::int64_t kKlColumn = 1;

/// Where a sweep writes the stream of a depth.
CellWrite place_of(const TransformerSpec& spec, std::int64_t layer) {
  // The input of the next block: a sweep then need not run the block before it.
  if (layer < spec.n_layers) return {.point = "hook_resid_pre", .block = layer};
  const std::string hook = residual_hook(spec, layer);
  return {.point = hook.substr(hook.rfind('.') + 1), .block = layer - 1};
}

/// A direction and a strength of a grid.
struct GridCell {
  std::int64_t direction, alpha;
};

std::vector<SweepCell> sweep_of(const SteeringPlan& plan, const SteeredLayer& layer,
                                const std::vector<GridCell>& grid) {
  const std::vector<std::int64_t> positions = plan.where.of_prompt(plan.tokens.size());
  const at::Tensor stream =
      layer.stream.index_select(0, at::tensor(positions, at::kLong).to(layer.stream.device()));
  std::vector<SweepCell> cells;
  cells.reserve(grid.size());
  for (const GridCell& cell : grid) {
    const SteeredRun run =
        plan.run(layer, cell.direction, plan.alphas[static_cast<std::size_t>(cell.alpha)]);
    CellWrite write = place_of(plan.context.model().spec(), layer.layer);
    write.positions = positions;
    // An unchanged cell has the bits of the base, and the sweep takes the base metric for it.
    write.values = run.unchanged ? stream : steered(plan.mode, stream, run.direction, run.amount);
    cells.push_back({{std::move(write)}});
  }
  return cells;
}

void keep_worst(std::vector<Receipt>& receipts, Receipt found) {
  for (Receipt& receipt : receipts)
    if (receipt.name == found.name) {
      if (is_worse(found, receipt)) receipt = std::move(found);
      return;
    }
  receipts.push_back(std::move(found));
}

/// Grid of a depth whose prompt is not steered.
PromptGrid unchanged_prompt(const SteeringPlan& plan, const SteeredLayer& layer, double base) {
  PromptGrid grid;
  grid.metric = at::full({layer.directions.size(0), plan.n_alphas()}, kNaN, at::kDouble);
  grid.kl = grid.metric;
  grid.base = base;
  return grid;
}

}  // namespace

SteeredRun SteeringPlan::run(const SteeredLayer& layer, std::int64_t direction,
                             double alpha) const {
  return {.layer = layer.layer,
          .direction = layer.directions[direction],
          .amount = alpha * layer.step,
          .unchanged = alpha == 0.0 && mode != SteeringMode::clamp};
}

PromptGrid measure_prompt(const SteeringPlan& plan, const SteeredLayer& layer) {
  const Model& model = plan.context.model();
  const std::int64_t directions = layer.directions.size(0), alphas = plan.n_alphas();
  std::vector<GridCell> grid;
  grid.reserve(static_cast<std::size_t>(directions * alphas));
  for (std::int64_t d = 0; d < directions; ++d)
    for (std::int64_t a = 0; a < alphas; ++a) grid.push_back({d, a});
  const auto bytes = static_cast<std::int64_t>(layer.stream.nbytes());
  const auto step = static_cast<std::size_t>(std::max<std::int64_t>(1, kSweepBytes / bytes));
  const RowMetrics metrics = plan.reader.rows();
  SweepOptions options;
  options.metric_position = plan.reader.position();

  PromptGrid found;
  std::vector<at::Tensor> parts;
  for (std::size_t first = 0; first < grid.size(); first += step) {
    if (plan.context.cancelled()) throw RunError("steering: the run was interrupted");
    const std::vector<GridCell> part(
        grid.begin() + static_cast<std::ptrdiff_t>(first),
        grid.begin() + static_cast<std::ptrdiff_t>(std::min(grid.size(), first + step)));
    const auto cells = sweep_of(plan, layer, part);
    const SweepResult result = sweep_cells(model, plan.tokens, cells, metrics, options);
    const SweepCheck check{model, plan.tokens, cells, metrics, options, result, 0.0, kKlColumn};
    keep_worst(found.receipts, self_replacement(check, {cells.front().writes.front().point}));
    keep_worst(found.receipts, batched_equals_single(check));
    const auto count = static_cast<std::int64_t>(cells.size());
    found.any_change = found.any_change || some_write_has_effect(check, count).value == 0;
    found.base = result.base_metrics[0][0].item<double>();
    parts.push_back(result.metrics[0]);
  }
  const at::Tensor all = at::cat(parts).view({directions, alphas, 2});
  found.metric = all.select(2, 0);
  found.kl = all.select(2, 1);
  return found;
}

double slope_of(const SteeringPlan& plan, const MetricReader& metric, const SteeredLayer& layer) {
  const Model& model = plan.context.model();
  const std::string hook = residual_hook(model.spec(), layer.layer);
  // The gradient is that of the run at alpha 0, which with clamp is a changed one.
  const SteeredRun zero = plan.run(layer, 0, 0.0);
  GradientOptions options;
  options.hooks = hooks_of(model.spec(), plan.mode, plan.where, {zero});
  const auto number = [&](const at::Tensor& residual, const RecordedActivations&) {
    return metric(residual.select(1, metric.position()));
  };
  const at::Tensor gradient = run_gradients(model, make_batch(plan.tokens), {hook}, number, options)
                                  .gradients.at(hook)[0]
                                  .to(at::kDouble);
  const at::Tensor v = zero.direction.to(gradient.options()), u = v / v.norm();
  double slope = 0;
  for (const std::int64_t position : plan.where.of_prompt(plan.tokens.size())) {
    const at::Tensor g = gradient[position];
    // g times the derivative of the formula by alpha.
    switch (plan.mode) {
      case SteeringMode::add:
        slope += layer.step * g.dot(v).item<double>();
        break;
      case SteeringMode::clamp:
        slope += layer.step * g.dot(u).item<double>();
        break;
      case SteeringMode::project:
        slope -= layer.stream[position].to(gradient.options()).dot(u).item<double>() *
                 g.dot(u).item<double>();
    }
  }
  return slope;
}

double linear_range(const std::vector<double>& alphas, const at::Tensor& effects, double slope) {
  // Up to the first strength that is off, on either side.
  double first_off = std::numeric_limits<double>::infinity(), range = 0;
  const auto is_off = [&](std::size_t i) {
    const double expected = slope * alphas[i];
    const double found = effects[static_cast<std::int64_t>(i)].item<double>();
    return !(std::abs(found - expected) <= 0.1 * std::abs(expected));
  };
  for (std::size_t i = 0; i < alphas.size(); ++i)
    if (alphas[i] != 0 && is_off(i)) first_off = std::min(first_off, std::abs(alphas[i]));
  for (const double alpha : alphas)
    if (std::abs(alpha) < first_off) range = std::max(range, std::abs(alpha));
  return range;
}

PromptGrids measure_prompts(const SteeringPlan& plan, const MetricReader& metric,
                            const std::vector<SteeredLayer>& layers, double base) {
  const bool of_prompt = !plan.where.of_prompt(plan.tokens.size()).empty();
  PromptGrids all;
  for (const SteeredLayer& layer : layers) {
    all.grids.push_back(of_prompt ? measure_prompt(plan, layer)
                                  : unchanged_prompt(plan, layer, base));
    all.slopes.push_back(of_prompt ? slope_of(plan, metric, layer) : kNaN);
    all.any_change = all.any_change || all.grids.back().any_change;
    plan.context.progress(std::ssize(all.grids), std::ssize(layers));
  }
  return all;
}

}  // namespace lensbench::steering

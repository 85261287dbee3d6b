#include <algorithm>
#include <cmath>
#include <lensbench/sweep_receipts.hpp>
#include <map>

namespace lensbench {
namespace {

/// Machine epsilon of the activations relative to that of float32.
double coarseness(at::ScalarType type) {
  if (type == at::kBFloat16) return std::ldexp(1.0, 16);
  if (type == at::kHalf) return std::ldexp(1.0, 13);
  return 1.0;
}

double difference(const at::Tensor& a, const at::Tensor& b) {
  return a.sub(b).abs().max().item<double>();
}

/// Activations of one run by hook name, without batch axis.
std::map<std::string, at::Tensor> read(const Model& model, const Tokens& tokens,
                                       const std::vector<std::string>& names, const Hooks& base,
                                       at::Tensor* residual = nullptr) {
  std::map<std::string, at::Tensor> found;
  Hooks hooks = base;
  for (const std::string& name : names)
    hooks.read(name,
               [&](const at::Tensor& x, const HookPoint& point) { found[point.name] = x[0]; });
  ForwardOptions options;
  options.logits = ForwardOptions::Logits::none;
  const at::Tensor last = model.forward(make_batch(tokens), options, hooks).residual;
  if (residual != nullptr) *residual = last;
  return found;
}

std::string in_block(std::int64_t block, const std::string& hook) {
  return "blocks." + std::to_string(block) + "." + hook;
}

/// Metrics [metric] of a run's last stream [1, pos, d_model].
at::Tensor metrics_at(const SweepCheck& check, const at::Tensor& residual) {
  const std::int64_t length = check.base.size(), at = check.options.metric_position;
  return check.metrics(residual.select(1, at < 0 ? at + length : at)).to(at::kDouble).flatten();
}

/// Metrics [metric] of a cell on one base run, by a whole forward.
at::Tensor metrics_alone(const SweepCheck& check, std::size_t base, const SweepCell& cell) {
  SweepOptions options = check.options;
  options.bases = {check.options.bases[base]};
  return run_cell_alone(check.model, check.base, cell, check.metrics, options).flatten();
}

/// Differences [base, cell, metric] of the first cells from their base runs.
at::Tensor effects_of(const SweepCheck& check, std::int64_t count) {
  return check.result.metrics.narrow(1, 0, count).sub(check.result.base_metrics.unsqueeze(1));
}

/// Whether the cell of the largest effect changes a bit of the metrics in a whole forward. Batches
/// and restarts round otherwise than the base run, so a difference of theirs is not yet an effect.
bool strongest_alone_has_effect(const SweepCheck& check, std::int64_t count) {
  const auto at = effects_of(check, count).abs().amax({2}).argmax().item<std::int64_t>();
  const auto base = static_cast<std::size_t>(at / count),
             cell = static_cast<std::size_t>(at % count);
  at::Tensor residual;
  read(check.model, check.base, {}, check.options.bases[base], &residual);
  return !metrics_alone(check, base, check.cells[cell]).equal(metrics_at(check, residual));
}

}  // namespace

/// Two orders of summation differ by a few millionths in float32; other types are coarser by the
/// ratio of their machine epsilons.
double rounding_tolerance(const Model& model) {
  return 1e-5 * coarseness(model.options().dtype);
}

/// Differences of metrics are relative to the gap, or to the largest metric if that is larger, so
/// that a metric near 0 does not make a rounding look large.
double relative_difference(const SweepCheck& check, const at::Tensor& a, const at::Tensor& b) {
  const at::Tensor size =
      check.result.metrics.abs().amax({0, 1}).clamp_min(std::max(std::abs(check.gap), 1e-30));
  if (check.kl_column >= 0) {
    const at::Tensor kl = size.select(-1, check.kl_column);
    kl.copy_(kl.maximum(kl.sqrt()));
  }
  return a.sub(b).abs().div(size).max().item<double>();
}

/// Every point of the first and the last block is replaced by its own value in one run, so any
/// difference is a fault of the hooks or of the writes.
Receipt self_replacement(const SweepCheck& check, const std::vector<std::string>& hooks) {
  std::vector<std::int64_t> blocks{0};
  if (check.model.spec().n_layers > 1) blocks.push_back(check.model.spec().n_layers - 1);
  std::vector<std::string> names;
  for (const std::int64_t block : blocks)
    for (const std::string& hook : hooks) names.push_back(in_block(block, hook));
  at::Tensor residual;
  const auto own = read(check.model, check.base, names, check.options.bases.front(), &residual);
  SweepCell cell;
  for (const std::int64_t block : blocks)
    for (const std::string& hook : hooks)
      cell.writes.push_back({hook, block, {}, {}, own.at(in_block(block, hook))});
  return make_receipt("replacing_an_activation_by_itself_changes_nothing",
                      difference(metrics_alone(check, 0, cell), metrics_at(check, residual)), 0.0,
                      "every point of the first and the last block at once; compared bit by bit");
}

/// If no write changes anything, the point or the prompts are usually not those that were meant, or
/// the hooks act on nothing.
Receipt some_write_has_effect(const SweepCheck& check, std::int64_t count) {
  const bool some = effects_of(check, count).ne(0).any().item<bool>() &&
                    (check.cells.empty() || strongest_alone_has_effect(check, count));
  return make_receipt("no_write_was_without_effect", some ? 0.0 : 1.0, 0.0,
                      "1 if no cell changed the metric, by a bit or in a run of its own");
}

/// The cell with the largest effect and two others are compared with whole forwards: restarts,
/// batches and caches must not change a metric beyond rounding.
Receipt batched_equals_single(const SweepCheck& check) {
  const auto& metrics = check.result.metrics;  // [base, cell, metric]
  const at::Tensor effect = metrics.sub(check.result.base_metrics.unsqueeze(1)).abs().amax({0, 2});
  const std::int64_t count = effect.size(0);
  double largest = 0.0;
  for (const std::int64_t cell : {effect.argmax().item<std::int64_t>(), count / 3, 2 * count / 3}) {
    const at::Tensor alone =
        run_cell_alone(check.model, check.base, check.cells[static_cast<std::size_t>(cell)],
                       check.metrics, check.options);
    const double found = relative_difference(check, alone, metrics.select(1, cell));
    // std::max would drop a NaN, on which the receipt must fail.
    if (std::isnan(found) || found > largest) largest = found;
  }
  return make_receipt("batched_equals_single", largest, rounding_tolerance(check.model),
                      "three cells run alone, without restarts; relative to the gap or the largest "
                      "metric; order of rounding");
}

Receipt restores_source(const SweepCheck& check, const at::Tensor& metrics,
                        const at::Tensor& source) {
  return make_receipt("replacing_every_position_gives_the_source_metric",
                      relative_difference(check, metrics, source), rounding_tolerance(check.model),
                      "the stream at the middle block; relative to the gap or the largest metric; "
                      "order of rounding");
}

}  // namespace lensbench

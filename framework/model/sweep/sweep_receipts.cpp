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
  SweepOptions options = check.options;
  options.bases = {check.options.bases.front()};
  const std::int64_t length = check.base.size(), at = options.metric_position;
  const at::Tensor expected = check.metrics(residual.select(1, at < 0 ? at + length : at));
  const at::Tensor metrics =
      run_cell_alone(check.model, check.base, cell, check.metrics, options).flatten();
  return make_receipt("replacing_an_activation_by_itself_changes_nothing",
                      difference(metrics, expected.to(at::kDouble).flatten()), 0.0,
                      "every point of the first and the last block at once; compared bit by bit");
}

/// If no write changes anything, the point or the prompts are usually not those that were meant.
Receipt some_write_has_effect(const SweepCheck& check, std::int64_t count) {
  const at::Tensor metrics = check.result.metrics.narrow(1, 0, count);
  const bool none = metrics.eq(check.result.base_metrics.unsqueeze(1)).all().item<bool>();
  return make_receipt("no_write_was_without_effect", none ? 1.0 : 0.0, 0.0,
                      "1 if no cell changed the metric at all");
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

#include "receipts.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/stack.h>

#include <algorithm>
#include <cmath>
#include <lensbench/sweep_receipts.hpp>

namespace lensbench::inputs {

/// The tolerance is a parameter: the error of the integral depends on the path, not on rounding.
Receipt completeness(double gap, double difference, double tolerance) {
  return make_receipt("integrated_gradients_sum_to_the_difference",
                      std::abs(gap) / std::max(std::abs(difference), 1e-3), tolerance,
                      "relative to m(x) - m(x'), with the jumps where experts of a mixture change; "
                      "more steps, another rule or another baseline if it fails");
}

Receipt alone_equals_batch(const Question& q) {
  // The baseline as second row: its values must not change the gradient of the first one.
  const at::Tensor both = q.runs.gradients(q.reader, at::stack({q.input, q.baseline}))[0];
  const double size = std::max(q.gradient.abs().max().item<double>(), 1e-30);
  return make_receipt("gradient_alone_equals_gradient_in_a_batch",
                      (both - q.gradient).abs().max().item<double>() / size,
                      10 * rounding_tolerance(q.context.model()),
                      "relative to the largest derivative; order of rounding");
}

/// A gradient of exactly 0 shows that the mask hides later tokens; the embeddings of such tokens
/// have no path to the metric.
Receipt later_tokens(const Question& q) {
  const std::int64_t first = q.reader.position() + 1, count = q.tokens.size() - first;
  const bool causal = q.context.model().spec().attention.causal;
  const double largest =
      causal && count > 0 ? q.gradient.narrow(0, first, count).abs().max().item<double>() : 0.0;
  return make_receipt("later_tokens_have_no_gradient", largest, 0.0,
                      "after the position of the metric, in causal models");
}

std::vector<Receipt> occlusion_receipts(const Question& q) {
  const auto cells = occlusion_cells(q.options.layer, q.tokens.size(), 1, q.baseline_stream);
  SweepOptions options;
  options.metric_position = q.reader.position();
  const RowMetrics metrics = q.reader.rows();
  const Model& model = q.context.model();
  const SweepResult result = sweep_cells(model, q.tokens, cells, metrics, options);
  const SweepCheck check{model, q.tokens, cells, metrics, options, result};
  return {self_replacement(check, {"hook_resid_pre"}),
          some_write_has_effect(check, q.tokens.size()), batched_equals_single(check)};
}

}  // namespace lensbench::inputs

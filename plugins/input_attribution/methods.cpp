#include "methods.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <array>
#include <lensbench/error.hpp>
#include <lensbench/sweep.hpp>
#include <span>
#include <utility>
#include <vector>

#include "integral.hpp"

namespace lensbench::inputs {
namespace {

/// First-order attribution: exact for a metric that is linear in the input.
at::Tensor gradient_x_input(const Question& q) {
  return (q.input.to(at::kDouble) * q.gradient.to(at::kDouble)).sum(-1);
}

/// Steps run in batches that fit the memory for graphs; the batches do not change the sum.
Attribution integrated(const Question& q) {
  const Rule rule = integration_rule(q.options.rule, q.options.steps);
  const bool mixture = q.context.model().spec().mlp.n_experts > 0;
  const at::Tensor way = q.input.to(at::kDouble) - q.baseline.to(at::kDouble);
  std::vector<PathPoint> path;
  std::size_t done = 0;
  const GradientAt gradient = [&](const at::Tensor& inputs) {
    const auto found = q.runs.points(q.reader, inputs);
    const auto rows = static_cast<std::size_t>(inputs.size(0));
    if (mixture)
      add_points(path, std::span(rule.points).subspan(done, rows),
                 std::span(rule.weights).subspan(done, rows), found.values, found.gradients, way,
                 found.experts);
    done += rows;
    q.work.finish(inputs.size(0));
    return found.gradients;
  };
  const at::Tensor sums = integrated_gradients(gradient, q.input, q.baseline, rule,
                                               q.runs.rows_within(q.options.graph_bytes))
                              .sum(-1);
  if (!mixture) return {sums, std::nullopt};
  const auto ends = q.runs.points(q.reader, at::stack({q.baseline, q.input}));
  add_points(path, std::array{0.0, 1.0}, std::array{0.0, 0.0}, ends.values, ends.gradients, way,
             ends.experts);
  return {sums, routing_jumps_of(std::move(path))};
}

at::Tensor occlusion(const Question& q) {
  const std::int64_t n = q.tokens.size(), length = q.options.window;
  const auto cells = occlusion_cells(q.options.layer, n, length, q.baseline_stream);
  SweepOptions options;
  options.metric_position = q.reader.position();
  std::int64_t finished = 0;
  options.progress = [&](std::int64_t done) {
    q.work.finish(done - finished);
    finished = done;
  };
  const SweepResult result =
      sweep_cells(q.context.model(), q.tokens, cells, q.reader.rows(), options);
  // Windows that equal the baseline in every bit are not run.
  q.work.finish(std::ssize(cells) - finished);
  const at::Tensor effects =
      result.base_metrics[0][0] - result.metrics[0].select(1, 0);  // [window]
  return spread_over_windows(effects, n, length);
}

/// Patterns and their gradients, in one forward and one backward.
std::vector<InputRuns::Pattern> patterns_of(const Question& q) {
  auto patterns = q.runs.patterns(q.reader);
  q.work.finish(1);
  return patterns;
}

/// Sum over blocks, heads and queries of weight times derivative, for each key.
at::Tensor attention_gradient(const Question& q) {
  at::Tensor sum = at::zeros({q.tokens.size()}, at::kDouble);
  for (const auto& [pattern, gradient] : patterns_of(q))
    sum.add_((pattern.to(at::kDouble) * gradient.to(at::kDouble)).sum(0).sum(0));
  return sum;
}

/// Chefer et al. (arXiv:2103.15679): relevance starts as the identity; each block adds the positive
/// part of weight times derivative, averaged over heads, times the relevance so far.
at::Tensor relevance(const Question& q) {
  const at::Tensor identity = at::eye(q.tokens.size(), at::kDouble);
  at::Tensor relevance = identity.clone();
  for (const auto& [pattern, gradient] : patterns_of(q)) {
    const at::Tensor product =
        (pattern.to(at::kDouble) * gradient.to(at::kDouble)).clamp_min(0).mean(0);
    relevance = relevance + at::matmul(product, relevance);
  }
  // The identity is the token's relevance to itself and is left out.
  return (relevance - identity)[q.reader.position()];
}

}  // namespace

bool uses(const InputAttributionOptions& options, const std::string& method) {
  return std::find(options.methods.begin(), options.methods.end(), method) != options.methods.end();
}

std::vector<SweepCell> occlusion_cells(std::int64_t layer, std::int64_t n_tokens,
                                       std::int64_t window, const at::Tensor& stream) {
  std::vector<SweepCell> cells;
  for (std::int64_t first = 0; first + window <= n_tokens; ++first) {
    CellWrite write{"hook_resid_pre", layer, {}, {}, {}};
    for (std::int64_t t = first; t < first + window; ++t) write.positions.push_back(t);
    write.values = stream.narrow(0, first, window);
    cells.push_back({{std::move(write)}});
  }
  return cells;
}

at::Tensor spread_over_windows(const at::Tensor& effects, std::int64_t n_tokens,
                               std::int64_t length) {
  at::Tensor sums = at::zeros({n_tokens}, at::kDouble), counts = at::zeros({n_tokens}, at::kDouble);
  for (std::int64_t first = 0; first < effects.size(0); ++first) {
    sums.narrow(0, first, length).add_(effects[first]);
    counts.narrow(0, first, length).add_(1.0);
  }
  // An effect of a window is shared by its tokens.
  return sums / counts / static_cast<double>(length);
}

bool is_complete_method(const std::string& method) {
  return method != "attention_gradient" && method != "relevance";
}

Attribution attribution_of(const std::string& method, const Question& question) {
  if (method == "gradient_x_input") return {gradient_x_input(question), {}};
  if (method == "integrated_gradients") return integrated(question);
  if (method == "occlusion") return {occlusion(question), {}};
  if (method == "attention_gradient") return {attention_gradient(question), {}};
  if (method == "relevance") return {relevance(question), {}};
  throw UsageError("input_attribution: unknown method '" + method +
                   "'; give gradient_x_input, integrated_gradients, occlusion, attention_gradient "
                   "or relevance");
}

}  // namespace lensbench::inputs

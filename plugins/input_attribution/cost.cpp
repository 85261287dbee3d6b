#include "cost.hpp"

#include <algorithm>
#include <lensbench/error.hpp>
#include <lensbench/sweep.hpp>

#include "methods.hpp"
#include "runs.hpp"

namespace lensbench::inputs {
namespace {

/// Graphs that are held together: those of the steps of the integral, and of the receipt that
/// compares a gradient alone with one in a batch of two.
double gradient_bytes(const InputRuns& runs, const InputAttributionOptions& options) {
  std::int64_t rows = 2;
  if (uses(options, "integrated_gradients"))
    rows = std::max(rows, std::min(options.steps, runs.rows_within(options.graph_bytes)));
  return static_cast<double>(rows) * runs.graph_bytes();
}

double occlusion_bytes(const TransformerSpec& spec, std::int64_t n_tokens,
                       const InputAttributionOptions& options) {
  SweepOptions sweep;
  sweep.metric_position = options.metric.position;
  double bytes = 0;
  // The receipts run windows of one token, whatever the window of the run.
  for (const std::int64_t window : {options.window, std::int64_t{1}})
    bytes = std::max(bytes, sweep_cost(spec, n_tokens,
                                       occlusion_cells(options.layer, n_tokens, window, {}), sweep)
                                .bytes);
  return bytes;
}

}  // namespace

std::int64_t work_items(const InputAttributionOptions& options, std::int64_t n_tokens) {
  std::int64_t items = 1;
  if (uses(options, "integrated_gradients")) items += options.steps;
  if (uses(options, "occlusion")) items += n_tokens - options.window + 1;
  for (const char* method : {"attention_gradient", "relevance"}) items += uses(options, method);
  return items;
}

CostEstimate cost_of(const Model& model, const Tokens& tokens,
                     const InputAttributionOptions& options) {
  double bytes = gradient_bytes(InputRuns(model, tokens, options.layer), options);
  if (uses(options, "occlusion"))
    bytes = std::max(bytes, occlusion_bytes(model.spec(), tokens.size(), options));
  return {std::nullopt, bytes, work_items(options, tokens.size())};
}

void Work::finish(std::int64_t items) {
  context_.progress(done_ += items, total_);
  if (context_.cancelled()) throw RunError("input_attribution: the run was interrupted");
}

}  // namespace lensbench::inputs

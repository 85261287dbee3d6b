#include "cost.hpp"

#include <algorithm>
#include <lensbench/error.hpp>

#include "methods.hpp"
#include "runs.hpp"

namespace lensbench::inputs {

std::int64_t work_items(const InputAttributionOptions& options, std::int64_t n_tokens) {
  std::int64_t items = 1;
  if (uses(options, "integrated_gradients")) items += options.steps;
  if (uses(options, "occlusion")) items += n_tokens - options.window + 1;
  for (const char* method : {"attention_gradient", "relevance"}) items += uses(options, method);
  return items;
}

/// Graphs that are held together: those of the steps of the integral, else two, of the receipt that
/// compares a gradient alone with one in a batch. Windows of occlusion start at different positions
/// and so run one after the other, which needs less than two graphs.
CostEstimate cost_of(const Model& model, const Tokens& tokens,
                     const InputAttributionOptions& options) {
  const InputRuns runs(model, tokens, options.layer);
  std::int64_t rows = 2;
  if (uses(options, "integrated_gradients"))
    rows = std::max(rows, std::min(options.steps, runs.rows_within(options.graph_bytes)));
  return {std::nullopt, static_cast<double>(rows) * runs.graph_bytes(),
          work_items(options, tokens.size())};
}

void Work::finish(std::int64_t items) {
  context_.progress(done_ += items, total_);
  if (context_.cancelled()) throw RunError("input_attribution: the run was interrupted");
}

}  // namespace lensbench::inputs

#pragma once

#include <cstdint>
#include <lensbench/context.hpp>
#include <lensbench/model.hpp>
#include <lensbench/tool.hpp>
#include <lensbench/tools/input_attribution.hpp>

namespace lensbench::inputs {

/// Items that all methods finish: the gradient at the input, points of the integral, windows of
/// occlusion, and passes for the attention patterns.
std::int64_t work_items(const InputAttributionOptions& options, std::int64_t n_tokens);

/// Expected cost of an attribution. The operations of gradients are not counted, hence no number of
/// them.
CostEstimate cost_of(const Model& model, const Tokens& tokens,
                     const InputAttributionOptions& options);

/// Counts finished items, and stops an interrupted run.
class Work {
 public:
  Work(Context& context, std::int64_t total) : context_(context), total_(total) {}
  /// \throws RunError if the run is cancelled
  void finish(std::int64_t items);

 private:
  Context& context_;
  std::int64_t total_, done_ = 0;
};

}  // namespace lensbench::inputs

#pragma once

#include <ATen/core/Tensor.h>

#include <lensbench/context.hpp>
#include <lensbench/sweep.hpp>
#include <lensbench/tools/input_attribution.hpp>
#include <optional>

#include "common/routing_jumps.hpp"
#include "cost.hpp"
#include "runs.hpp"

namespace lensbench::inputs {

/// Everything that the methods share.
struct Question {
  Context& context;
  const Tokens& tokens;
  const InputRuns& runs;
  const MetricReader& reader;
  const at::Tensor& input;            ///< [token, width]
  const at::Tensor& baseline;         ///< [token, width]
  const at::Tensor& baseline_stream;  ///< [token, d_model], what occlusion writes
  const at::Tensor& gradient;         ///< [token, width] at the input
  const InputAttributionOptions& options;
  Work& work;
};

/// Whether a method was asked for.
bool uses(const InputAttributionOptions& options, const std::string& method);

/// One cell for each window of `window` tokens: the stream that enters block `layer` is replaced by
/// that of the baseline. \param stream  [token, d_model]
std::vector<SweepCell> occlusion_cells(std::int64_t layer, std::int64_t n_tokens,
                                       std::int64_t window, const at::Tensor& stream);

/// What one method gives.
struct Attribution {
  at::Tensor of_tokens;               ///< [token] float64
  std::optional<RoutingJumps> jumps;  ///< of the integral, in a mixture of experts
};
Attribution attribution_of(const std::string& method, const Question& question);

/// Whether a method promises that attributions sum to m(x) - m(x').
bool is_complete_method(const std::string& method);

/// Means over the windows that contain each token. \param effects  [window], m(x) - m(changed) of
/// windows that start at 0, 1, … \param length  tokens of a window
at::Tensor spread_over_windows(const at::Tensor& effects, std::int64_t n_tokens,
                               std::int64_t length);

}  // namespace lensbench::inputs

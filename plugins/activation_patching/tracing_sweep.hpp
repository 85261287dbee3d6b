#pragma once

#include <ATen/core/Tensor.h>

#include <lensbench/context.hpp>
#include <lensbench/metric.hpp>
#include <lensbench/sweep.hpp>
#include <lensbench/tools/causal_tracing.hpp>
#include <vector>

#include "common/window.hpp"

namespace lensbench::tracing {

/// Clean activations by hook name, without batch axis; empty for costs.
using CleanRun = std::map<std::string, at::Tensor>;

/// Hook points that the kinds restore, in every block. \throws UsageError for an unknown kind
std::vector<std::string> restored_hooks(const TransformerSpec& spec,
                                        const std::vector<std::string>& kinds);

/// Cells of every kind, block and token, in this order.
std::vector<SweepCell> restorations(const TransformerSpec& spec, std::int64_t length,
                                    const CausalTracingOptions& options, const CleanRun& clean);

/// Probabilities and receipts of a trace.
struct Trace {
  at::Tensor restored;   ///< [sample, kind, block, token, 2] probability and log-probability
  at::Tensor corrupted;  ///< [sample, 2]
  double clean_probability = 0;
  bool predicted = false;  ///< the object is the clean run's first choice
  std::vector<Receipt> receipts;
};

/// Runs all restorations.
/// \param base   tokens of the corrupted runs
/// \param bases  what corrupts each of them
Trace run_trace(Context& context, const MetricReader& reader, const Tokens& clean,
                const at::Tensor& clean_stream, const Tokens& base, const std::vector<Hooks>& bases,
                const CausalTracingOptions& options);

}  // namespace lensbench::tracing

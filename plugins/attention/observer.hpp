#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <lensbench/context.hpp>
#include <lensbench/tools/attention.hpp>
#include <string>
#include <utility>
#include <vector>

#include "measures.hpp"

namespace lensbench::attention {

/// A head by block and index.
using Head = std::pair<std::int64_t, std::int64_t>;

/// Heads whose patterns are kept.
struct KeptPatterns {
  bool all = false;
  std::vector<Head> heads;          ///< unless `all`
  std::vector<std::string> labels;  ///< `L5H1`
};

/// \throws UsageError for a name that is not `all` or a head of the model, and for repeated heads
KeptPatterns parse_patterns(const std::vector<std::string>& names, const TransformerSpec& spec);

/// Everything that one forward is read for.
struct ObservationPlan {
  MeasurePlan measures;
  KeptPatterns kept;
  bool rollout = false, max_flow = false;
  double residual_weight = 0.5;
  std::int64_t position = 0;
};

/// What was read from one forward.
struct Observation {
  Measures measures;
  at::Tensor pattern = {};  ///< [block, head, query, key] or [selected, query, key] float32
  at::Tensor rollout = {};  ///< [layer, query, key] float64; or undefined
  std::vector<double> max_flow = {};  ///< [token]; empty without flow `max_flow`
  double flow_error = 0.0;            ///< largest excess of a single path over the maximum flow
  double pattern_epsilon = 0.0;       ///< distance from 1 to the next number of the pattern's type
};

/// Number of bytes that patterns and rollout take in the result.
std::int64_t stored_bytes(const TransformerSpec& spec, const ObservationPlan& plan,
                          std::int64_t n_tokens);

/// Runs one forward and reduces the pattern of each block when the block has computed it, so that
/// the patterns of one block are in memory at a time.
Observation observe(Context& context, const Tokens& tokens, const ObservationPlan& plan);

}  // namespace lensbench::attention

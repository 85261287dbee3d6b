#pragma once

#include <cstdint>
#include <lensbench/context.hpp>
#include <lensbench/sweep.hpp>
#include <lensbench/tools/facts.hpp>
#include <limits>
#include <string>
#include <vector>

#include "plan.hpp"

namespace lensbench::facts {

/// Restored activations of a trace.
inline const std::vector<std::string> kKinds = {"state", "mlp"};

/// Where the object's first token is recalled.
struct Recall {
  std::vector<std::int64_t> peak_block;  ///< for each kind
  std::vector<double> peak_effect;       ///< for each kind
  double total_effect = 0;
  /// Total effect of the noise on other tokens; NaN: there is no noise, or there are no others.
  double control_total_effect = std::numeric_limits<double>::quiet_NaN();
  std::vector<Receipt> receipts;
};

/// Traces a fact in one template as causal_tracing does, at the subject's last token alone.
/// \param nu  standard deviation of the noise, if there is noise
Recall trace_recall(Context& context, const FactsPlan& plan, const PlannedTemplate& planned,
                    const FactsOptions& options, double nu);

/// Standard deviation of the embedding's entries over the vocabulary.
double vocabulary_deviation(const Model& model);

/// Expected cost of `trace_recall`.
SweepCost trace_cost(const TransformerSpec& spec, const FactsPlan& plan,
                     const PlannedTemplate& planned, const FactsOptions& options);

/// First layer from which on the lens gives the token at every layer; -1: not at the last one.
std::int64_t settled_layer(const std::vector<std::int64_t>& lens_top, std::int64_t token);

}  // namespace lensbench::facts

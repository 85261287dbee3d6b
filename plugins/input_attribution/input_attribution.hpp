#pragma once

#include <lensbench/tools/input_attribution.hpp>

#include "schema.hpp"

namespace lensbench::inputs {

/// Implementation of the tool: typed interface and generic entry.
class InputAttributionTool final : public InputAttribution {
 public:
  static constexpr ParameterSpec kParameters[] = {
      metric_parameters::kTarget,
      metric_parameters::kVersus,
      metric_parameters::kMetric,
      metric_parameters::kPosition,
      {"methods", ParameterType::choices, "gradient_x_input,integrated_gradients,occlusion", "",
       "Methods of attribution.",
       "+gradient_x_input|integrated_gradients|occlusion|attention_gradient|relevance"},
      {"steps", ParameterType::integer, "64", "1", "Number of points of the integral.",
       "[1, 10000]"},
      {"rule", ParameterType::choice, "midpoint", "", "Rule of the integral.",
       "midpoint|trapezoid|gauss_legendre"},
      {"baseline", ParameterType::choice, "mean", "",
       "Embedding that stands for no information: the mean over the vocabulary, zeros, that of "
       "baseline_token, or those of the prompt corrupted.",
       "mean|zero|token|prompt"},
      {"baseline_token", ParameterType::token, "", "", "Token for baseline=token."},
      metric_parameters::kCorrupted,
      metric_parameters::kCorruptedIds,
      {"window", ParameterType::integer, "1", "tokens",
       "Number of neighbouring tokens that occlusion replaces together.", "[1, inf)"},
      {"contrast", ParameterType::text, "", "",
       "Another context for the same target, whose log-probability is subtracted."},
      {"layer", ParameterType::integer, "0", "blocks",
       "Depth of the stream that is attributed to; 0 for the embeddings.", "[0, inf)"},
      {"completeness_tolerance", ParameterType::number, "0.02", "",
       "Largest relative gap of integrated gradients whose receipt passes.", "[0, inf)"},
      {"graph_bytes", ParameterType::integer, "268435456", "bytes",
       "Memory for the graphs of steps that run together; bounds memory, not results.", "[1, inf)"},
  };

  static constexpr const auto& kResults = kInputTable;

  void check_compatible(const Model& model) const override;
  void check_parameters(const Parameters& parameters) const override;
  Dataset run(const Request& request) override;
  CostEstimate estimate(const Request& request) const override;
  Dataset attribute(const Tokens& tokens, const Target& target,
                    const InputAttributionOptions& options) override;

 private:
  at::Tensor baseline_rows(const Tokens& tokens, const InputAttributionOptions& options);

  const Model* mean_of_ = nullptr;  ///< model of `mean_`
  at::Tensor mean_;                 ///< mean embedding, computed at the first use
};

}  // namespace lensbench::inputs

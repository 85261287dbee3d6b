#pragma once

#include <lensbench/tools/causal_tracing.hpp>
#include <vector>

#include "tracing_schema.hpp"

namespace lensbench::tracing {

/// Implementation of the tool: typed interface and generic entry.
class CausalTracingTool final : public CausalTracing {
 public:
  static constexpr ParameterSpec kParameters[] = {
      {"subject", ParameterType::text, "", "",
       "Text inside the prompt whose tokens are corrupted (or the field subject of a case)."},
      {"subject_tokens", ParameterType::integers, "", "tokens",
       "Positions of the subject's tokens, instead of subject; negative ones count from the end."},
      {"object", ParameterType::token, "model", "",
       "Token whose probability is read (or the field object or target of a case); model is the "
       "model's own prediction on the prompt.",
       "model|next"},
      metric_parameters::kPosition,
      {"corruption", ParameterType::choice, "noise", "",
       "Normal noise on the subject's embeddings, or another prompt in place of this one.",
       "noise|replace"},
      {"noise", ParameterType::number, "3.0", "standard deviations",
       "Size of the noise, in standard deviations of the embedding.", "[0, inf)"},
      {"noise_from", ParameterType::choice, "vocabulary", "",
       "Embeddings whose entries give the standard deviation.", "vocabulary|subject|prompt"},
      {"samples", ParameterType::integer, "10", "1",
       "Number of noises, the same for every restoration.", "[1, 10000]"},
      {"replacement", ParameterType::text, "", "",
       "Text in place of subject, of as many tokens, for corruption=replace."},
      metric_parameters::kCorrupted,
      metric_parameters::kCorruptedIds,
      {"kinds", ParameterType::choices, "state,attn,mlp", "",
       "Restored activations: the stream after a block, the outputs of attention, of the MLP.",
       "+state|attn|mlp"},
      {"window", ParameterType::integer, "10", "blocks",
       "Number of blocks around each block that attn and mlp restore together.", "[1, inf)"},
      {"most_cells", ParameterType::integer, "256", "1",
       "Most restored runs in one forward; bounds memory, not results.", "[1, inf)"},
  };

  static constexpr const auto& kResults = kTracingTable;

  void check_compatible(const Model& model) const override;
  void check_parameters(const Parameters& parameters) const override;
  Dataset run(const Request& request) override;
  CostEstimate estimate(const Request& request) const override;
  Dataset trace(const Tokens& tokens, const std::vector<std::int64_t>& subject,
                const Target& object, const CausalTracingOptions& options) override;
  Dataset trace_replaced(const Tokens& tokens, const Tokens& replaced, const Target& object,
                         const CausalTracingOptions& options) override;
};

}  // namespace lensbench::tracing

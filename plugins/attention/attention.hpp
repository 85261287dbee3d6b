#pragma once

#include <lensbench/tools/attention.hpp>

#include "schema.hpp"

namespace lensbench::attention {

/// Implementation of the tool: typed interface and generic entry.
class AttentionTool final : public Attention {
 public:
  static constexpr ParameterSpec kParameters[] = {
      {"patterns", ParameterType::texts, "all", "",
       "Patterns to keep: all, none, or those of heads such as L5H1,L6H0."},
      {"max_pattern_bytes", ParameterType::integer, "67108864", "bytes",
       "Most that the kept patterns and the rollout of one prompt may take.", "[0, inf)"},
      {"detectors", ParameterType::choices,
       "previous_token,duplicate_token,induction,current_token,first_token", "",
       "Kinds of heads to look for.",
       "previous_token|duplicate_token|induction|current_token|first_token"},
      {"exclude_first", ParameterType::boolean, "false", "",
       "Detectors ignore attention to the first token."},
      {"exclude_current", ParameterType::boolean, "false", "",
       "Detectors ignore attention of a token to itself."},
      {"top_k", ParameterType::integer, "0", "tokens",
       "Number of keys with most weight to list for each head and query; 0 for none.", "[0, 1000]"},
      {"flow", ParameterType::choices, "none", "",
       "Flow of information over all blocks, from patterns alone.", "rollout|max_flow"},
      {"residual_weight", ParameterType::number, "0.5", "1",
       "Share of the residual stream in rollout and maximum flow; the rest is attention.",
       "[0, 1)"},
      {"position", ParameterType::integer, "-1", "tokens",
       "Position at which the flow arrives; negative ones count from the end."},
  };
  static constexpr const auto& kResults = kResultTable;

  void check_compatible(const Model& model) const override;
  void check_parameters(const Parameters& parameters) const override;
  Dataset run(const Request& request) override;
  Dataset analyze(const Tokens& tokens, const AttentionOptions& options) override;
};

}  // namespace lensbench::attention

#pragma once

#include <lensbench/tools/path_patching.hpp>

#include "schema.hpp"

namespace lensbench::paths {

/// Implementation of the tool: typed interface and generic entry.
class PathPatchingTool final : public PathPatching {
 public:
  static constexpr ParameterSpec kParameters[] = {
      metric_parameters::kCorrupted,
      metric_parameters::kCorruptedIds,
      metric_parameters::kTarget,
      metric_parameters::kVersus,
      metric_parameters::kMetric,
      metric_parameters::kPosition,
      {"direction", ParameterType::choice, "noise", "",
       "noise changes the clean run and takes from the corrupted one; denoise is the reverse.",
       "denoise|noise"},
      {"senders", ParameterType::texts, "heads,mlps", "",
       "What writes: heads, mlps, attentions, embed, or names such as L0H1, 2_mlp_out, "
       "2_attn_out.",
       "+"},
      {"receivers", ParameterType::texts, "logits", "",
       "What reads: logits, q, k, v, heads, mlps, all, or names such as L5H2.q, L5.k, 3_mlp_in "
       "(all tries every pair, which takes long in large models).",
       "+"},
      {"mlps", ParameterType::choice, "frozen", "",
       "MLPs between sender and receiver: frozen keeps those of the base run, recomputed runs them "
       "again.",
       "frozen|recomputed"},
      {"by_position", ParameterType::boolean, "false", "",
       "Patch one position at a time; false: all positions at once."},
      {"most_cells", ParameterType::integer, "256", "1",
       "Most changed runs in one forward; bounds memory, not results.", "[1, inf)"},
      metric_parameters::kMinGap,
  };

  static constexpr const auto& kResults = kPathTable;
  static constexpr const char* kGradedSettings[] = {"senders=heads,mlps,attentions"};

  void check_compatible(const Model& model) const override;
  void check_parameters(const Parameters& parameters) const override;
  Dataset run(const Request& request) override;
  CostEstimate estimate(const Request& request) const override;
  Dataset patch_paths(const Tokens& clean, const Tokens& corrupted, const Target& target,
                      const PathPatchingOptions& options) override;
};

}  // namespace lensbench::paths

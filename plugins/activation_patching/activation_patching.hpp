#pragma once

#include <lensbench/tools/activation_patching.hpp>
#include <optional>
#include <vector>

#include "points.hpp"
#include "schema.hpp"
#include "values.hpp"

namespace lensbench::patching {

/// Implementation of the tool: typed interface and generic entry.
class ActivationPatchingTool final : public ActivationPatching {
 public:
  static constexpr ParameterSpec kParameters[] = {
      metric_parameters::kCorrupted,
      metric_parameters::kCorruptedIds,
      metric_parameters::kTarget,
      metric_parameters::kVersus,
      metric_parameters::kMetric,
      metric_parameters::kPosition,
      metric_parameters::kDirection,
      {"source", ParameterType::choice, "pair", "",
       "Where replacements come from: the other prompt of the pair, or zeros, a mean over the "
       "reference prompts, the mean over this prompt, another reference prompt.",
       "pair|zero|mean|mean_of_prompt|resample"},
      {"points", ParameterType::choices, "resid_pre,attn_out,mlp_out", "",
       "Activations to replace, all heads together.",
       "resid_pre|resid_mid|attn_out|mlp_out|z|q|k|v|pattern"},
      {"head_points", ParameterType::choices, "z", "", "Activations to replace head by head.",
       "z|q|k|v|pattern"},
      {"by_position", ParameterType::boolean, "true", "",
       "Replace one position at a time; false: all positions at once."},
      {"most_cells", ParameterType::integer, "256", "1",
       "Most changed runs in one forward; bounds memory, not results.", "[1, inf)"},
      metric_parameters::kMinGap,
      {"reference", ParameterType::file, "", "",
       "Prompts that mean and resample take from, one in each line or JSONL (default: all cases of "
       "the run)."},
  };

  static constexpr const auto& kResults = kPatchingTable;
  static constexpr const char* kGradedSettings[] = {
      "direction=noise,by_position=false,points=attn_out,mlp_out,head_points=z",
      "direction=denoise,by_position=false,points=attn_out,mlp_out,head_points=z",
      "direction=denoise,points=resid_pre,head_points=none"};

  void check_compatible(const Model& model) const override;
  void check_parameters(const Parameters& parameters) const override;
  Dataset run(const Request& request) override;
  CostEstimate estimate(const Request& request) const override;
  Dataset patch(const Tokens& clean, const Tokens& corrupted, const Target& target,
                const ActivationPatchingOptions& options) override;
  Dataset ablate(const Tokens& tokens, const std::string& replacement, const Target& target,
                 const ActivationPatchingOptions& options) override;

 private:
  /// Means over the reference prompts, computed at the first use.
  const Values& means(const ReferencePrompts& reference, const std::vector<GridPoint>& points);
  /// Values of a replacement that is not another prompt.
  Values fixed_values(const std::string& replacement, const Tokens& tokens,
                      const std::vector<GridPoint>& points, const ReferencePrompts& reference);

  std::string means_key_;
  Values means_;
};

}  // namespace lensbench::patching

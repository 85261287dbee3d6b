#pragma once

#include <lensbench/tools/layer_attribution.hpp>

#include "reference.hpp"
#include "schema.hpp"

namespace lensbench::attribution {

/// Implementation of the tool: typed interface and generic entry.
class LayerAttributionTool final : public LayerAttribution {
 public:
  static constexpr ParameterSpec kParameters[] = {
      {"target", ParameterType::token, "model", "",
       "Token whose logit is attributed; model is the model's own prediction, next the token that "
       "follows.",
       "model|next"},
      {"versus", ParameterType::token, "", "", "Attribute the logit difference to this token.",
       "model|next"},
      {"position", ParameterType::integer, "-1", "tokens",
       "Position of the listed neurons; negative ones count from the end."},
      {"heads", ParameterType::boolean, "true", "",
       "Contributions of single attention heads, and the effects of their ablation."},
      {"neurons", ParameterType::integer, "0", "1",
       "Number of MLP neurons to list, largest contribution first; 0 for none.", "[0, inf)"},
      {"ablation", ParameterType::choices, "zero,mean_of_prompt", "",
       "Replacements of each attention output, MLP output and head; mean needs several prompts or "
       "a reference.",
       "zero|mean|mean_of_prompt"},
      {"reference", ParameterType::file, "", "",
       "Prompts that mean averages over, one in each line or JSONL (default: all cases of the "
       "run)."},
  };

  static constexpr const auto& kResults = kResultTable;
  static constexpr const char* kGradedSettings[] = {"ablation=zero,mean,mean_of_prompt"};

  void check_compatible(const Model& model) const override;
  void check_parameters(const Parameters& parameters) const override;
  std::vector<std::string> usual_hooks(const TransformerSpec& spec) const override;
  Dataset run(const Request& request) override;
  Dataset to_logit(const Tokens& tokens, const Target& target,
                   const LayerAttributionOptions& options) override;

 private:
  /// Means over the reference prompts, computed at the first use.
  const ReferenceMeans& means(const std::string& file);

  std::string means_key_;
  ReferenceMeans means_;
};

}  // namespace lensbench::attribution

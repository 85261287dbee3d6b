#pragma once

#include <lensbench/tools/layer_attribution.hpp>

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
      {"heads", ParameterType::boolean, "true", "", "Contributions of single attention heads."},
      {"neurons", ParameterType::integer, "0", "1",
       "Number of MLP neurons to list, largest contribution first; 0 for none.", "[0, inf)"},
      {"ablation", ParameterType::choices, "zero,mean_of_prompt", "",
       "Replacements of each attention and MLP output.", "zero|mean_of_prompt"},
  };

  static constexpr const auto& kResults = kResultTable;

  void check_compatible(const Model& model) const override;
  std::vector<std::string> usual_hooks(const TransformerSpec& spec) const override;
  Dataset run(const Request& request) override;
  Dataset to_logit(const Tokens& tokens, const Target& target,
                   const LayerAttributionOptions& options) override;
};

}  // namespace lensbench::attribution

#pragma once

#include <lensbench/tools/layer_attribution.hpp>

namespace lensbench::attribution {

/// Implementation of the tool: typed interface and generic entry.
class LayerAttributionTool final : public LayerAttribution {
 public:
  static constexpr ParameterSpec kParameters[] = {
      {"target", ParameterType::text, "model", "",
       "Token whose logit is attributed: model, next, a token id, or the text of one token."},
      {"versus", ParameterType::text, "", "",
       "Attribute the logit difference to this token: none, a token id, or the text of one token."},
      {"position", ParameterType::integer, "-1", "tokens",
       "Position of the listed neurons; negative ones count from the end."},
      {"heads", ParameterType::boolean, "true", "", "Contributions of single attention heads."},
      {"neurons", ParameterType::integer, "0", "1",
       "Number of MLP neurons to list, largest contribution first; 0 for none."},
      {"ablation", ParameterType::list, "zero,mean", "",
       "Replacements of each attention and MLP output: zero, mean, both, or none."},
  };

  void check_compatible(const Model& model) const override;
  std::vector<std::string> usual_hooks(const TransformerSpec& spec) const override;
  Dataset run(const Tokens& tokens, const Parameters& parameters) override;
  Dataset to_logit(const Tokens& tokens, const Target& target,
                   const LayerAttributionOptions& options) override;
};

}  // namespace lensbench::attribution

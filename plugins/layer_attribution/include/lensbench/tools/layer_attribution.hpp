#pragma once

#include <cstdint>
#include <lensbench/tool.hpp>
#include <optional>
#include <string>
#include <vector>

namespace lensbench {

struct LayerAttributionOptions {
  std::optional<Target> versus;  ///< attribute the logit difference target minus versus
  std::int64_t position = -1;    ///< where to ablate and to list neurons; negative from the end
  bool heads = true;             ///< per-head contributions
  std::int64_t neurons = 0;      ///< the k MLP neurons that contribute most; 0: none
  std::vector<std::string> ablation = {"zero", "mean"};  ///< of each attention and MLP output
};

/// Direct logit attribution (Elhage et al. 2021; nostalgebraist 2020) with ablation as the causal
/// check: which component wrote the answer.
class LENSBENCH_API LayerAttribution : public Tool {
 public:
  /// `logit_contribution` [component, token], `cumulative` [component, token],
  /// `head_contribution` [layer, head, token], `target_id`, `target_logit`, `sum_residual` [token],
  /// `ablation_effect` [ablation, component, token] and its correlation with the contribution.
  virtual Dataset to_logit(const Tokens& tokens, const Target& target = Target::model(),
                           const LayerAttributionOptions& options = {}) = 0;
};

}  // namespace lensbench

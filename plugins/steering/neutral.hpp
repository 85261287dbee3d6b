#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "prompt.hpp"

namespace lensbench::steering {

/// Windows of the neutral text. \throws UsageError if none has two tokens
std::vector<Tokens> neutral_windows(const Context& context, const SteeringOptions& options);

/// Cost on the neutral text, of which every token is steered along the direction itself.
struct NeutralCost {
  at::Tensor kl;                 ///< [layer, alpha] nats, mean over tokens
  at::Tensor perplexity;         ///< [layer, alpha]
  double base_perplexity = 0.0;  ///< perplexity of the unchanged model
  std::int64_t tokens = 0;       ///< number of tokens
};

NeutralCost measure_neutral(const SteeringPlan& plan, const std::vector<SteeredLayer>& layers,
                            const std::vector<Tokens>& windows);

}  // namespace lensbench::steering

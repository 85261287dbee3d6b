#pragma once

#include <ATen/core/Tensor.h>

#include <lensbench/intervention.hpp>
#include <map>
#include <string>

#include "model/intervention/region.hpp"

namespace lensbench {

/// What an action takes from other forwards, by hook point.
struct ActionSources {
  std::map<std::string, at::Tensor> means;   ///< [head, last] or [last], over positions
  std::map<std::string, at::Tensor> others;  ///< of another sequence, a batch of one
  std::map<std::string, at::Tensor> frozen;  ///< of the same tokens without interventions
};

/// New values of a region. Computed in float32 (or float64 where the activation is).
/// \throws UsageError for a value that does not fit, a position the other sequence does not have
at::Tensor act(const InterventionAction& action, const ActionSources& sources,
               const Region& region);

}  // namespace lensbench

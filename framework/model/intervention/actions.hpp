#pragma once

#include <ATen/core/Tensor.h>

#include <lensbench/intervention.hpp>
#include <map>
#include <string>

#include "model/intervention/region.hpp"

namespace lensbench {

/// Activations from other forwards that an action needs, by hook point.
struct ActionSources {
  std::map<std::string, at::Tensor> means;   ///< means over positions, [head, last] or [last]
  std::map<std::string, at::Tensor> others;  ///< activations of another sequence, a batch of one
  std::map<std::string, at::Tensor>
      frozen;  ///< activations of the same tokens without interventions
};

/// New values of a region, computed in float32 (float64 for float64 activations).
/// \throws UsageError for a value of another shape, a position outside the other sequence
at::Tensor act(const InterventionAction& action, const ActionSources& sources,
               const Region& region);

}  // namespace lensbench

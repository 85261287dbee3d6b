#pragma once

#include <cstdint>
#include <lensbench/intervention.hpp>
#include <string>
#include <utility>
#include <vector>

namespace lensbench::testing {

/// The values at a hook point, or those of some positions and neurons.
inline InterventionSite at_hook(const std::string& hook, std::vector<std::int64_t> positions = {},
                                std::vector<std::int64_t> neurons = {}) {
  InterventionSite site;
  site.hook = hook;
  site.positions = std::move(positions);
  site.neurons = std::move(neurons);
  return site;
}

}  // namespace lensbench::testing

#pragma once

#include <cstdint>
#include <lensbench/dataset.hpp>
#include <vector>

#include "prompt.hpp"

namespace lensbench::steering {

/// Generates in every cell, and adds what is measured on the text.
/// \param targets  tokens that are counted
/// \return whether steering changed any logit
bool add_generation(Dataset& dataset, const SteeringPlan& plan,
                    const std::vector<SteeredLayer>& layers, const SteeringOptions& options,
                    const std::vector<std::int64_t>& targets);

}  // namespace lensbench::steering

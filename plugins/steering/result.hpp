#pragma once

#include <lensbench/dataset.hpp>
#include <vector>

#include "generated.hpp"
#include "neutral.hpp"
#include "prompt.hpp"

namespace lensbench::steering {

/// Axes `token`, `layer`, `alpha` and `draw`, the directions, and the attributes of the plan.
Dataset with_axes(const SteeringPlan& plan, const std::vector<SteeredLayer>& layers,
                  const SteeringOptions& options);

/// What is measured on the prompt. \param slopes  of each depth; NaN where nothing is steered
void add_prompt(Dataset& dataset, const SteeringPlan& plan, const std::vector<PromptGrid>& grids,
                const std::vector<double>& slopes);
void add_neutral(Dataset& dataset, const NeutralCost& cost, const SteeringOptions& options);

const char* to_string(SteeringMode mode);
const char* to_string(SteeredPart part);

}  // namespace lensbench::steering

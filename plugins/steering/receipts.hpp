#pragma once

#include <lensbench/dataset.hpp>
#include <vector>

#include "prompt.hpp"

namespace lensbench::steering {

/// Whether alpha 0 of `add` leaves every logit of the prompt equal in every bit; with `clamp`,
/// whether it is the run with the direction projected out.
Receipt alpha_zero(const SteeringPlan& plan, const std::vector<SteeredLayer>& layers);

/// Reads the stream of steered runs: whether the direction was added once, or the component along
/// it is the one asked for and steering again changes nothing.
std::vector<Receipt> steered_stream(const SteeringPlan& plan,
                                    const std::vector<SteeredLayer>& layers);

/// Runs the strongest cell of each depth as stored interventions, read back from JSON.
/// \param grids  the measured metrics of each depth
Receipt stored_interventions(const SteeringPlan& plan, const std::vector<SteeredLayer>& layers,
                             const std::vector<PromptGrid>& grids);

/// Whether the random directions are orthogonal to the direction and as long.
Receipt controls_fit(const std::vector<SteeredLayer>& layers);

/// Adds the receipts of all cells. \param any_change  whether a cell differs from the unchanged run
void add_receipts(Dataset& dataset, const SteeringPlan& plan,
                  const std::vector<SteeredLayer>& layers, const std::vector<PromptGrid>& grids,
                  bool any_change);

/// The strength of largest magnitude.
double strongest(const std::vector<double>& alphas);

}  // namespace lensbench::steering

#pragma once

#include <cstdint>
#include <functional>
#include <lensbench/model.hpp>

#include "measure.hpp"
#include "plan.hpp"

namespace lensbench::interchange {

/// Fits all subspaces at a place, exchanges them and those of the controls, and writes its row of
/// every tensor.
/// \param random_weights  the model of the control; nullptr: not asked for
void measure_place(const Model& model, const Model* random_weights, const InterchangePlan& plan,
                   const Place& place, const std::function<void()>& stop, Found& found);

}  // namespace lensbench::interchange

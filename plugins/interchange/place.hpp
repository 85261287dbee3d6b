#pragma once

#include <cstdint>
#include <functional>
#include <lensbench/model.hpp>

#include "measure.hpp"
#include "place_rows.hpp"
#include "plan.hpp"

namespace lensbench::interchange {

/// A model, and its rows.
struct MeasuredModel {
  const Model& model;
  RowReader& rows;
};

/// Fits all subspaces at a place, exchanges them and those of the controls, and writes its row of
/// every tensor.
/// \param random_weights  the model of the control; nullptr: not asked for
void measure_place(const MeasuredModel& measured, const MeasuredModel* random_weights,
                   const InterchangePlan& plan, const Place& place,
                   const std::function<void()>& stop, Found& found);

}  // namespace lensbench::interchange

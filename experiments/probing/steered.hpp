#pragma once

#include <cstdint>
#include <lensbench/dataset.hpp>
#include <lensbench/experiment.hpp>
#include <lensbench/metric.hpp>
#include <lensbench/tools/steering.hpp>
#include <string>

#include "causal.hpp"

namespace probing_experiment {

/// Whether the case says what the model is asked about: its field `target`, or the parameter.
bool has_target(const lensbench::Case& c);

/// Metric of the case: `versus` is its field of that name, else the parameter.
lensbench::MetricOptions question_of(const lensbench::Case& c);

/// Settings of the tool for one case.
/// \param layer     depth of the stream
/// \param position  position that is changed, counted from the start; -1: all
lensbench::SteeringOptions steering_options(const lensbench::Case& c, std::int64_t layer,
                                            std::int64_t position);

/// Settings with which the stream moves by the direction or against it.
lensbench::SteeringOptions moving(lensbench::SteeringOptions options);
/// Settings with which the stream loses the direction.
lensbench::SteeringOptions removing(lensbench::SteeringOptions options);

/// Adds the effects of a case, from what the tool said with `moving` and `removing`, and receipts.
/// \param second  the case has the second label, so that the other one is against the direction
void add_effects(lensbench::Dataset& result, const lensbench::Dataset& moved,
                 const lensbench::Dataset& removed, bool second);

/// Adds the variables of a case that was not steered: NaN.
/// \param draws  number of random directions
/// \param units  of the metric
void add_no_effects(lensbench::Dataset& result, std::int64_t draws, const std::string& units);

/// Reads what a measuring case saved.
MeasuredCase measured_case(const lensbench::Dataset& saved);

}  // namespace probing_experiment

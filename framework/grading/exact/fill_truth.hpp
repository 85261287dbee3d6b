#pragma once

#include "grading/exact/exact_model.hpp"
#include "grading/truth/truth.hpp"

namespace lensbench::grading {

/// Measures every task of a truth that has an answer and a foil: metric, effects of all components,
/// effects of the neurons of the blocks named in `neuron_effects`, readout, restored shares,
/// attention, and edges if asked for. Numbers are rounded to six digits, so that files are small.
void fill_truth(Truth& truth, const ExactModel& model, bool edges);

}  // namespace lensbench::grading

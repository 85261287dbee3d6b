#pragma once

#include <lensbench/dataset.hpp>
#include <lensbench/parameters.hpp>
#include <lensbench/tools/tuned_lens.hpp>

namespace lensbench::tuned {

TunedLensTraining training_of(const Parameters& parameters);
/// \throws UsageError for a number that is out of range
void check_training(const TunedLensTraining& training);
void add_training_attributes(Dataset& dataset, const TunedLensTraining& training);

}  // namespace lensbench::tuned

#pragma once

#include <lensbench/model.hpp>
#include <lensbench/parameters.hpp>

namespace lensbench {

/// Checks the parameters whose values depend on the model: tokens against its vocabulary, hook
/// points against its hook points.
/// \throws UsageError that names the owner of the parameters and the parameter
void check_against_model(const Parameters& parameters, const Model& model);

}  // namespace lensbench

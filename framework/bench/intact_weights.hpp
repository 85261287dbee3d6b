#pragma once

#include <lensbench/model.hpp>
#include <string>

namespace lensbench {

/// Checks that nothing wrote into the weights of a model, which all tools share.
/// \param culprit  what ran since the last check, for the message
/// \throws RunError if a weight was changed in place
void require_intact_weights(const Model& model, const std::string& culprit);

}  // namespace lensbench

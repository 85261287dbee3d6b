#pragma once

#include <lensbench/parameters.hpp>
#include <string>

namespace lensbench {

/// Checks that a spec is usable: known type, well-formed `allowed`, and a default that the spec
/// itself accepts. \return the problem, empty if there is none
std::string problem_of(const ParameterInfo& parameter);

}  // namespace lensbench

#pragma once

#include <limits>
#include <nlohmann/json.hpp>
#include <string>

namespace lensbench {

/// Description of an expected cost in one line.
/// \param cost             `expected_cost` of `/run`, which may be damaged: numbers `cases`,
/// `picture_tokens`, `steps`, `floating_point_operations` and `bytes`; null where one is not known
/// \param available_bytes  memory that the process can use without swapping, bytes
std::string describe_expected_cost(
    const nlohmann::json& cost, double available_bytes = std::numeric_limits<double>::infinity());

}  // namespace lensbench

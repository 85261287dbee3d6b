#pragma once

#include <lensbench/dataset.hpp>
#include <nlohmann/json.hpp>
#include <string>

namespace lensbench {

/// Table `/run` as JSON: time and peak memory of the cases and of each tool and, with a profile, of
/// each component. \throws InputError for a table of another form
nlohmann::json describe_costs_json(const Dataset& costs, const std::string& file);

/// Text of these costs for users, in a few lines per table; empty if no costs were recorded.
std::string describe_costs(const nlohmann::json& costs);

}  // namespace lensbench

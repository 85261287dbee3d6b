#pragma once

#include <lensbench/dataset.hpp>
#include <lensbench/export.hpp>
#include <nlohmann/json.hpp>
#include <string>

namespace lensbench {

/// The table of `/run` as JSON: time and peak memory of the cases and of each tool, and with a
/// profile those of each component. \throws InputError for a table that no run writes
LENSBENCH_API nlohmann::json describe_costs_json(const Dataset& costs, const std::string& file);

/// The same for a reader, a few lines a table; empty if nothing was recorded.
LENSBENCH_API std::string describe_costs(const nlohmann::json& costs);

}  // namespace lensbench

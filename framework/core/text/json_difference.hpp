#pragma once

#include <lensbench/export.hpp>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace lensbench {

/// One fact that two JSON values state differently.
struct FactDifference {
  std::string where;          ///< `request/parameters/top_k`, `files/model.safetensors/sha256`
  std::string first, second;  ///< JSON text, shortened; empty where a value does not state it
};

/// Compares objects member by member; all other values, lists included, are compared whole.
/// \param root  prefix of each path
LENSBENCH_API std::vector<FactDifference> diff_facts(const nlohmann::json& first,
                                                     const nlohmann::json& second,
                                                     const std::string& root = "");

}  // namespace lensbench

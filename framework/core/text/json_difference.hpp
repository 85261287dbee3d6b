#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace lensbench {

/// One difference between two JSON values.
struct FactDifference {
  std::string where;          ///< `request/parameters/top_k`, `files/model.safetensors/sha256`
  std::string first, second;  ///< shortened JSON text; empty if the value lacks this member
};

/// Compares objects member by member; all other values, including lists, are compared as a whole.
/// \param root  prefix of each path
std::vector<FactDifference> diff_facts(const nlohmann::json& first, const nlohmann::json& second,
                                       const std::string& root = "");

}  // namespace lensbench

#pragma once

#include <lensbench/dataset.hpp>
#include <map>
#include <string>
#include <vector>

#include "archive/seal/seal.hpp"

// The tables of an archive other than results, as datasets.

namespace lensbench {

Dataset receipts_table(const std::vector<ReceiptRecord>& receipts);
std::vector<ReceiptRecord> receipts_from_table(const Dataset& table);

/// Dimensions file, plugin and case of `/recipe`.
Dataset recipe_table(const RunPlan& plan);
Dataset units_table(const RunPlan& plan, const std::vector<UnitRecord>& units);
Dataset vocabulary_table(const std::map<std::int64_t, std::string>& texts,
                         const std::map<std::int64_t, std::string>& bytes);

/// The top level of a JSON object as attributes; what is nested as JSON text.
std::map<std::string, Attribute> fact_attributes(const nlohmann::json& facts);

}  // namespace lensbench

#pragma once

#include <lensbench/dataset.hpp>
#include <map>
#include <string>
#include <vector>

#include "archive/seal/seal.hpp"

// Tables of an archive other than results, as datasets.

namespace lensbench {

Dataset receipts_table(const std::vector<ReceiptRecord>& receipts);
std::vector<ReceiptRecord> receipts_from_table(const Dataset& table);

/// Table `/recipe`, with dimensions file, plugin and case.
Dataset recipe_table(const RunPlan& plan);
Dataset units_table(const RunPlan& plan, const std::vector<UnitRecord>& units);
Dataset vocabulary_table(const std::map<std::int64_t, std::string>& texts,
                         const std::map<std::int64_t, std::string>& bytes);

/// Members of a JSON object as attributes; nested values become JSON text.
std::map<std::string, Attribute> fact_attributes(const nlohmann::json& facts);

}  // namespace lensbench

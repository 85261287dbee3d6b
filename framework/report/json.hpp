#pragma once

#include <lensbench/dataset.hpp>
#include <lensbench/export.hpp>
#include <nlohmann/json.hpp>

namespace lensbench {

/// A dataset for scripts: `dims` (name -> length), `coordinates` and `variables` (name -> `dims`,
/// `units`, `long_name`, `data` as nested lists in C order), `attributes`, `receipts`. NaN and
/// infinities, which JSON lacks, are null. A variable of token ids says `"holds": "token_ids"`.
LENSBENCH_API nlohmann::json dataset_to_json(const Dataset& dataset);

}  // namespace lensbench

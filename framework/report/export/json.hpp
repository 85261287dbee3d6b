#pragma once

#include <iosfwd>
#include <lensbench/dataset.hpp>
#include <lensbench/export.hpp>
#include <nlohmann/json.hpp>

#include "archive/hdf5/stored_dataset.hpp"

namespace lensbench {

/// A dataset for scripts: `dims` (name -> length), `coordinates` and `variables` (name -> `dims`,
/// `units`, `long_name`, `data` as nested lists in C order), `attributes`, `receipts`. NaN and
/// infinities, which JSON lacks, are null. A variable of token ids says `"holds": "token_ids"`.
LENSBENCH_API nlohmann::json dataset_to_json(const Dataset& dataset);

/// The text of that, of a dataset in an archive: its values are read and written in blocks, so that
/// memory does not grow with it.
LENSBENCH_API void write_json(std::ostream& out, const StoredDataset& dataset);

}  // namespace lensbench

#pragma once

#include <iosfwd>

#include "archive/hdf5/stored_dataset.hpp"

namespace lensbench {

/// Writes a dataset of an archive for scripts: `dims` (name -> length), `coordinates` and
/// `variables` (name -> `dims`, `units`, `long_name`, `data` as nested lists in C order),
/// `attributes`, `receipts`. NaN and infinities, which JSON does not have, are null. A variable of
/// token ids has the member `"holds": "token_ids"`. Values are read and written in blocks, so that
/// the memory used does not grow with the dataset.
void write_json(std::ostream& out, const StoredDataset& dataset);

}  // namespace lensbench

#pragma once

#include <cstdint>
#include <lensbench/dataset.hpp>
#include <vector>

#include "archive/hdf5/stored_dataset.hpp"

namespace lensbench {

/// Which rows of a dataset to read.
struct CaseSelection {
  std::vector<std::int64_t> cases;  ///< numbers of the cases
  /// Also select the rows of axes with one element per case. If not, these are read completely.
  bool also_tables = true;
};

/// Reads the part of a dataset that belongs to some cases: their rows of the token axis, their
/// variables where each case has its own, and all that does not belong to a case.
/// \throws InputError for damaged content
Dataset read_selection(const StoredDataset& stored, const CaseSelection& selection);

}  // namespace lensbench

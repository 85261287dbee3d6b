#pragma once

#include <iosfwd>
#include <lensbench/export.hpp>
#include <string>

#include "archive/hdf5/stored_dataset.hpp"

namespace lensbench {

/// One variable as a tidy table (RFC 4180): a line an element, a column for each coordinate of each
/// of its axes, and the value in the last. Numbers are written so that they read back exactly; a
/// NaN is an empty field. Its values are read and written in blocks.
/// \throws UsageError if the dataset has no such variable
LENSBENCH_API void write_csv(std::ostream& out, const StoredDataset& dataset,
                             const std::string& name);

}  // namespace lensbench

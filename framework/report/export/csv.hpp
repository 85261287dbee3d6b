#pragma once

#include <iosfwd>
#include <string>

#include "archive/hdf5/stored_dataset.hpp"

namespace lensbench {

/// Writes one variable as a tidy table (RFC 4180): one line per element, with a column for each
/// coordinate of each axis and the value in the last column. Numbers are written with enough digits
/// to read them back exactly; NaN is an empty field. Values are read and written in blocks.
/// \throws UsageError if the dataset does not have the variable
void write_csv(std::ostream& out, const StoredDataset& dataset, const std::string& name);

}  // namespace lensbench

#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/dataset.hpp>
#include <string>
#include <vector>

#include "archive/hdf5/hdf5.hpp"

// Creates the HDF5 datasets of an archive, with the types, chunks and checksums that they have in
// the file.

namespace lensbench {

/// Type of the numbers of a variable in the file.
hid_t file_type(at::ScalarType type);

/// Space of a shape; a scalar has an empty one. \param what  what it is for, for the error
hdf5::Handle space_of(const std::vector<hsize_t>& shape, const std::string& what);

hdf5::Handle create_strings(hid_t group, const std::string& name,
                            const std::vector<hsize_t>& shape);
hdf5::Handle create_numbers(hid_t group, const Variable& variable, at::ScalarType type,
                            const std::vector<hsize_t>& shape);

/// Writes a dimension without coordinate values, in the form of netCDF-4.
hdf5::Handle write_bare_dimension(hid_t group, const std::string& name, std::int64_t length);

}  // namespace lensbench

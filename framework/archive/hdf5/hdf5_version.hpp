#pragma once

#include <lensbench/export.hpp>
#include <string>

namespace lensbench {

/// Version of the HDF5 library in this process: `1.10.8`.
LENSBENCH_API std::string hdf5_version();

}  // namespace lensbench

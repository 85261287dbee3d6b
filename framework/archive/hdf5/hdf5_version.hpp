#pragma once

#include <string>

namespace lensbench {

/// Version of the HDF5 library in this process: `1.10.8`.
std::string hdf5_version();

}  // namespace lensbench

#pragma once

#include <string>

#include "archive/hdf5/hdf5.hpp"

namespace lensbench {

/// Checks the structure of a whole file before its content is read, and refuses features that
/// hostile files use and lensbench archives do not: links other than hard links, an object with two
/// names (a cycle would never end), groups nested deeper than 16, more than 8 axes, element types
/// other than numbers and variable-length text, data in other files, virtual datasets, filters
/// other than shuffle, deflate and fletcher32, chunks of more than 64 MiB, and more data in total
/// than a file of its size can contain in compressed form.
/// \param name  name of the file, for messages
/// \throws InputError with the path of the object
void check_structure(hid_t file, const std::string& name);

}  // namespace lensbench

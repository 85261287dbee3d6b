#pragma once

#include <string>

#include "archive/hdf5/hdf5.hpp"

namespace lensbench {

/// Walks a whole file before anything of it is read, and refuses what no lensbench archive has and
/// what hostile files are made of: links that are not hard, an object with two names (a cycle never
/// ends), groups nested deeper than 16, more than 8 axes, element types other than numbers and
/// variable-length text, data kept in other files or put together from them, filters other than
/// shuffle, deflate and fletcher32, chunks over 64 MiB, more data in all than a file of its size
/// can hold compressed. \param name  of the file, for messages \throws InputError naming the object
void check_structure(hid_t file, const std::string& name);

}  // namespace lensbench

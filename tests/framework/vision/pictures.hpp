#pragma once

#include <string>

#include "support/folders.hpp"
#include "vision/prepare.hpp"

namespace lensbench::vision {

/// Bytes of a file of tests/data/vision, which make.py there writes.
inline std::string picture_bytes(const std::string& name) {
  return read_picture_file(testing::data_folder() + "/vision/" + name);
}

}  // namespace lensbench::vision

#pragma once

#include <string>

#include "support/folders.hpp"

namespace lensbench::testing {

/// The model that the repository has.
inline const std::string kModel = source_folder() + "/models/kjv-gpt2";

}  // namespace lensbench::testing

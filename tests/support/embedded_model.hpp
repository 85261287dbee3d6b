#pragma once

#include <string>

namespace lensbench::testing {

/// The model that the repository has.
inline const std::string kModel = std::string(LENSBENCH_SOURCE_DIR) + "/models/kjv-gpt2";

}  // namespace lensbench::testing

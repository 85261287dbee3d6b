#pragma once

#include <cstdlib>

namespace lensbench::testing {

/// Whether tests that sample should try everything: `ctest --preset long`.
inline bool in_long_form() {
  return std::getenv("LENSBENCH_LONG_TESTS") != nullptr;
}

}  // namespace lensbench::testing

#pragma once

#include <cstdint>
#include <lensbench/export.hpp>

namespace lensbench {

/// What the user allows archives that he trusts beyond what their size gives them: the environment
/// variable LENSBENCH_READ_GIB, else 0.
LENSBENCH_API std::uint64_t extra_gib();

}  // namespace lensbench

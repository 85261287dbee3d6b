#pragma once

#include <cstdint>
#include <lensbench/export.hpp>

namespace lensbench {

/// Memory in GiB that the user allows for trusted archives in addition to the limit by their size:
/// the environment variable LENSBENCH_READ_GIB, else 0.
LENSBENCH_API std::uint64_t extra_gib();

}  // namespace lensbench

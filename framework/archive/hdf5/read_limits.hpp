#pragma once

#include <cstdint>

namespace lensbench {

/// Memory in GiB that the user allows for trusted archives in addition to the limit by their size:
/// the environment variable LENSBENCH_READ_GIB, else 0.
std::uint64_t extra_gib();

}  // namespace lensbench

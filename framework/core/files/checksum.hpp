#pragma once

#include <cstddef>
#include <lensbench/export.hpp>
#include <span>
#include <string>

namespace lensbench {

/// Hexadecimal digits of a checksum.
inline constexpr std::size_t kChecksumDigits = 32;

/// XXH3, 128 bits, as `xxh128sum` prints it: finds damage at the speed of memory. It is no proof
/// against a forger; what leaves a run is covered by SHA-256.
LENSBENCH_API std::string checksum_hex(std::span<const std::byte> bytes);

}  // namespace lensbench

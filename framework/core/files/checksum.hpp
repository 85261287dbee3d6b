#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace lensbench {

/// Number of hexadecimal digits of a checksum.
inline constexpr std::size_t kChecksumDigits = 32;

/// XXH3 checksum (128 bits), as `xxh128sum` prints it: detects damage at memory speed. It does not
/// protect against forgery; SHA-256 covers everything that leaves a run.
std::string checksum_hex(std::span<const std::byte> bytes);

}  // namespace lensbench

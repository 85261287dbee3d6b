#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace lensbench {

/// Number of hexadecimal digits of a checksum.
inline constexpr std::size_t kChecksumDigits = 32;

/// XXH3 checksum (128 bits), as `xxh128sum` prints it: detects damage at memory speed. It does not
/// protect against forgery; SHA-256 covers everything that leaves a run.
std::string checksum_hex(std::span<const std::byte> bytes);

/// XXH3 checksum (128 bits) as a number.
struct Checksum {
  std::uint64_t low = 0, high = 0;
  friend bool operator==(const Checksum&, const Checksum&) = default;
};

/// Checksum of the bytes of several parts, one part after the other.
Checksum checksum_of(const std::vector<std::span<const std::byte>>& parts);
Checksum checksum_of(std::span<const std::byte> bytes);

/// Checksum of bytes that come piece by piece.
class ChecksumStream {
 public:
  ChecksumStream();
  ~ChecksumStream();
  void add(std::span<const std::byte> bytes);
  Checksum value() const;
  std::string hex() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace lensbench

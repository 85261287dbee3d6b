#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace lensbench {

using Sha256Digest = std::array<std::uint8_t, 32>;

/// Incremental SHA-256 (FIPS 180-4).
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  Sha256& update(std::span<const std::byte> bytes);
  Sha256& update(std::string_view bytes);
  /// The digest of all bytes passed to `update`. Call once.
  Sha256Digest finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The digest as 64 lower-case hexadecimal digits.
std::string to_hex(const Sha256Digest& digest);
/// Parses the text that `to_hex` writes; empty for any other text.
std::optional<Sha256Digest> from_hex(std::string_view text);
std::string sha256_hex(std::string_view bytes);

/// Hash of a file's bytes, read in blocks. \throws InputError if it cannot be read
std::string sha256_file(const std::filesystem::path& path);

}  // namespace lensbench

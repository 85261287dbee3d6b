#include "core/files/checksum.hpp"

#include <xxhash.h>

#include <cstdio>
#include <new>

// Checksums by libxxhash. A single span is hashed in one call, which is faster than the stream.

namespace lensbench {
namespace {

std::string hex_of(const Checksum& sum) {
  char digits[kChecksumDigits + 1];
  std::snprintf(digits, sizeof digits, "%016llx%016llx", static_cast<unsigned long long>(sum.high),
                static_cast<unsigned long long>(sum.low));
  return digits;
}

}  // namespace

Checksum checksum_of(std::span<const std::byte> bytes) {
  const XXH128_hash_t hash = XXH3_128bits(bytes.data(), bytes.size());
  return {hash.low64, hash.high64};
}

/// State of libxxhash, which it aligns itself.
struct ChecksumStream::State {
  XXH3_state_t* xxh3 = XXH3_createState();
};

ChecksumStream::ChecksumStream() : state_(std::make_unique<State>()) {
  if (state_->xxh3 == nullptr) throw std::bad_alloc();
  XXH3_128bits_reset(state_->xxh3);
}

ChecksumStream::~ChecksumStream() {
  XXH3_freeState(state_->xxh3);
}

void ChecksumStream::add(std::span<const std::byte> bytes) {
  XXH3_128bits_update(state_->xxh3, bytes.data(), bytes.size());
}

Checksum ChecksumStream::value() const {
  const XXH128_hash_t hash = XXH3_128bits_digest(state_->xxh3);
  return {hash.low64, hash.high64};
}

std::string ChecksumStream::hex() const {
  return hex_of(value());
}

/// Equal to the checksum of all bytes in one piece, so that the writer need not copy large tensors.
Checksum checksum_of(const std::vector<std::span<const std::byte>>& parts) {
  if (parts.size() == 1) return checksum_of(parts.front());
  ChecksumStream stream;
  for (const auto& part : parts) stream.add(part);
  return stream.value();
}

std::string checksum_hex(std::span<const std::byte> bytes) {
  return hex_of(checksum_of(bytes));
}

}  // namespace lensbench

#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <lensbench/error.hpp>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace lensbench {

/// Address of values within the bytes of a unit is a multiple of this.
inline constexpr std::size_t kUnitAlignment = 64;

/// Bytes that are built front to back. Large values are not copied: they are parts of their own.
class UnitBytes {
 public:
  std::size_t size() const { return bytes_.size() + inserted_; }

  template <class Number>
  void number(Number value) {
    static_assert(std::is_arithmetic_v<Number>);
    raw(&value, sizeof value);
  }
  /// A number that is small in most cases: seven bits a byte, the lowest first.
  void count(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) bytes_.push_back(static_cast<char>(value | 0x80));
    bytes_.push_back(static_cast<char>(value));
  }
  void text(std::string_view value) {
    count(value.size());
    raw(value.data(), value.size());
  }
  void raw(const void* values, std::size_t bytes) {
    if (bytes > 0) bytes_.append(static_cast<const char*>(values), bytes);
  }
  /// Adds values without copying them, at a multiple of `kUnitAlignment`; they must outlive this
  /// object.
  void insert(std::span<const std::byte> values) {
    bytes_.append((kUnitAlignment - size() % kUnitAlignment) % kUnitAlignment, '\0');
    inserts_.emplace_back(bytes_.size(), values);
    inserted_ += values.size();
  }
  /// Reserves a number that `fill` gives its value. \return its place
  std::size_t reserve() {
    number(std::uint64_t{0});
    return bytes_.size() - sizeof(std::uint64_t);
  }
  void fill(std::size_t place, std::uint64_t value) {
    std::memcpy(bytes_.data() + place, &value, sizeof value);
  }

  /// All bytes in order; valid until the next change.
  std::vector<std::span<const std::byte>> parts() const {
    std::vector<std::span<const std::byte>> parts;
    const auto all = std::as_bytes(std::span(bytes_));
    std::size_t from = 0;
    for (const auto& [place, values] : inserts_) {
      if (place > from) parts.push_back(all.subspan(from, place - from));
      parts.push_back(values);
      from = place;
    }
    if (all.size() > from) parts.push_back(all.subspan(from));
    return parts;
  }

 private:
  std::string bytes_;
  std::vector<std::pair<std::size_t, std::span<const std::byte>>> inserts_;
  std::size_t inserted_ = 0;
};

/// Reader of what `UnitBytes` built. Every length is compared with the bytes that are left.
class UnitCursor {
 public:
  /// \param subject  what the bytes are, for errors
  UnitCursor(std::span<const std::byte> bytes, const std::string& subject, std::size_t place = 0)
      : bytes_(bytes), subject_(subject), place_(place) {
    if (place > bytes.size()) fail();
  }

  std::size_t place() const { return place_; }
  std::size_t left() const { return bytes_.size() - place_; }

  template <class Number>
  Number number() {
    Number value{};
    std::memcpy(&value, raw(sizeof value).data(), sizeof value);
    return value;
  }
  std::uint64_t count() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const auto byte = static_cast<std::uint64_t>(raw(1).front());
      value |= (byte & 0x7F) << shift;
      if (byte < 0x80) return value;
    }
    fail();
  }
  /// Number of things that take at least a byte each.
  std::size_t length() {
    const std::uint64_t value = count();
    if (value > left()) fail();
    return static_cast<std::size_t>(value);
  }
  std::string text() {
    const auto found = raw(length());
    return std::string(reinterpret_cast<const char*>(found.data()), found.size());
  }
  std::span<const std::byte> raw(std::size_t bytes) {
    if (bytes > left()) fail();
    place_ += bytes;
    return bytes_.subspan(place_ - bytes, bytes);
  }
  void align() { raw((kUnitAlignment - place_ % kUnitAlignment) % kUnitAlignment); }

  [[noreturn]] void fail() const {
    throw InputError(subject_ + ": not what lensbench writes into the folder of a run");
  }

 private:
  std::span<const std::byte> bytes_;
  const std::string& subject_;
  std::size_t place_;
};

}  // namespace lensbench

#pragma once

#include <bit>
#include <cstdint>

namespace lensbench {

/// A number that depends on all that is mixed in (Fowler, Noll and Vo), by which the kept state of
/// long work is recognised as that of the same request.
class RequestNumber {
 public:
  void mix(std::uint64_t value) {
    for (int byte = 0; byte < 8; ++byte)
      number_ = (number_ ^ (value >> (8 * byte) & 255)) * 1099511628211U;
  }
  void mix(double value) { mix(std::bit_cast<std::uint64_t>(value)); }
  /// A list of whole numbers, or a text.
  template <class Values>
  void mix_all(const Values& values) {
    mix(static_cast<std::uint64_t>(values.size()));
    for (const auto value : values) mix(static_cast<std::uint64_t>(value));
  }
  std::int64_t value() const { return static_cast<std::int64_t>(number_); }

 private:
  std::uint64_t number_ = 14695981039346656037U;
};

}  // namespace lensbench

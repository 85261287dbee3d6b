#include "core/text/number_text.hpp"

#include <array>
#include <charconv>

// std::to_string has six digits after the point, so that small numbers would be 0.000000.

namespace lensbench {
namespace {

constexpr int kRoundedDigits = 3;

}  // namespace

std::string shortest_text(double number) {
  std::array<char, 32> text{};
  return {text.data(), std::to_chars(text.data(), text.data() + text.size(), number).ptr};
}

std::string rounded_text(double number) {
  std::array<char, 32> text{};
  return {text.data(), std::to_chars(text.data(), text.data() + text.size(), number,
                                     std::chars_format::general, kRoundedDigits)
                           .ptr};
}

}  // namespace lensbench

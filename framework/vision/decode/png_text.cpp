#include "vision/decode/png_text.hpp"

#include <algorithm>

namespace lensbench::vision {
namespace {

constexpr int kNoDigit = -1;
constexpr std::size_t kLinesBeforeDigits = 3;

int digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return kNoDigit;
}

}  // namespace

std::string raw_profile(std::string_view text) {
  for (std::size_t line = 0; line < kLinesBeforeDigits; ++line) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) return {};
    text.remove_prefix(end + 1);
  }
  std::string bytes;
  int high = kNoDigit;
  for (const char c : text) {
    if (c == '\n' || c == '\r' || c == ' ') continue;
    const int digit = digit_of(c);
    if (digit == kNoDigit) return {};
    if (high == kNoDigit) {
      high = digit;
    } else {
      bytes += static_cast<char>(high * 16 + digit);
      high = kNoDigit;
    }
  }
  return high == kNoDigit ? bytes : std::string{};
}

}  // namespace lensbench::vision

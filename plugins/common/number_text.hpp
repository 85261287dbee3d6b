#pragma once

#include <array>
#include <charconv>
#include <string>

namespace lensbench::tracing {

/// Shortest text that reads back as the number: `0.1`, `1e-08`. std::to_string would make it
/// 0.000000.
inline std::string number_text(double number) {
  std::array<char, 32> text{};
  return {text.data(), std::to_chars(text.data(), text.data() + text.size(), number).ptr};
}

}  // namespace lensbench::tracing

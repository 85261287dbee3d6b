#pragma once

#include <array>
#include <charconv>
#include <string>
#include <vector>

namespace lensbench::tracing {

/// Shortest text that reads back as the number: `0.1`, `1e-08`. std::to_string would make it
/// 0.000000.
template <class Number>
std::string number_text(Number number) {
  std::array<char, 32> text{};
  return {text.data(), std::to_chars(text.data(), text.data() + text.size(), number).ptr};
}

/// The texts of several numbers.
template <class Number>
std::vector<std::string> number_texts(const std::vector<Number>& numbers) {
  std::vector<std::string> texts;
  texts.reserve(numbers.size());
  for (const Number number : numbers) texts.push_back(number_text(number));
  return texts;
}

}  // namespace lensbench::tracing

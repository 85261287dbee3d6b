#include "report/figure/scale.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace lensbench::figure {
namespace {

constexpr const char* kMinus = "\u2212";

/// 1, 2 or 5 times a power of ten that is at least `least`.
double round_step(double least) {
  const double power = std::pow(10, std::floor(std::log10(least)));
  // The factor allows for the rounding of the division: 0.2 / 0.1 is a step of 2.
  for (const double factor : {1.0, 2.0, 5.0})
    if (factor * power >= least * (1 - 1e-9)) return factor * power;
  return 10 * power;
}

/// Multiples of a step from one value to another.
std::vector<double> multiples(double step, double low, double high) {
  std::vector<double> found;
  const double slack = 1e-9 * (high - low);
  for (double n = std::ceil((low - slack) / step); n * step <= high + slack; ++n)
    // A negative zero would be shown with a sign.
    found.push_back(n == 0 ? 0 : n * step);
  return found;
}

std::string with_minus(std::string text) {
  if (!text.empty() && text.front() == '-') text.replace(0, 1, kMinus);
  return text;
}

/// Scientific notation as it is written by hand: `2e6`, `1.5e−3`.
std::string scientific(double value, int digits) {
  std::array<char, 40> buffer{};
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                                 std::chars_format::scientific, digits - 1)
                       .ptr;
  std::string text(buffer.data(), end);
  const auto e = text.find('e');
  std::string mantissa = text.substr(0, e);
  if (mantissa.find('.') != std::string::npos) {
    mantissa.erase(mantissa.find_last_not_of('0') + 1);
    if (mantissa.back() == '.') mantissa.pop_back();
  }
  const int exponent = std::stoi(text.substr(e + 1));
  return with_minus(mantissa) + "e" + with_minus(std::to_string(exponent));
}

/// 1, 2 and 5 times the powers of ten within a scale; empty if they would be too many.
std::vector<double> one_two_five(const Scale& scale, std::size_t most) {
  std::vector<double> found;
  const int first = static_cast<int>(std::floor(std::log10(scale.low)));
  const int last = static_cast<int>(std::ceil(std::log10(scale.high)));
  for (int exponent = first; exponent <= last; ++exponent)
    for (const double factor : {1.0, 2.0, 5.0}) {
      const double value = factor * std::pow(10, exponent);
      if (value >= scale.low * (1 - 1e-9) && value <= scale.high * (1 + 1e-9))
        found.push_back(value);
      if (found.size() > most + 1) return {};
    }
  return found;
}

/// Powers of ten within a scale, every second, third … where they would be too many.
std::vector<double> powers(const Scale& scale, std::size_t most) {
  const int first = static_cast<int>(std::ceil(std::log10(scale.low) - 1e-9));
  const int last = static_cast<int>(std::floor(std::log10(scale.high) + 1e-9));
  const int n = last - first + 1;
  const int step = std::max(1, (n + static_cast<int>(most) - 1) / static_cast<int>(most));
  std::vector<double> found;
  for (int exponent = first; exponent <= last; exponent += step)
    found.push_back(std::pow(10, exponent));
  return found;
}

}  // namespace

double Scale::share(double value) const {
  if (!log) return (value - low) / (high - low);
  if (!(value > 0)) return std::nan("");
  return std::log(value / low) / std::log(high / low);
}

double Scale::value(double share) const {
  return log ? low * std::pow(high / low, share) : low + share * (high - low);
}

bool can_show(double value, bool log) {
  return std::isfinite(value) && (!log || value > 0);
}

Scale scale_of(const std::vector<double>& values, bool log) {
  double low = INFINITY, high = -INFINITY;
  for (const double value : values) {
    if (!can_show(value, log)) continue;
    low = std::min(low, value), high = std::max(high, value);
  }
  if (low < high) return {low, high, log};
  if (log) return {low / 2, low * 2, true};
  const double half = low == 0 ? 1 : std::abs(low) / 2;
  return {low - half, low + half, false};
}

Scale widened(const Scale& scale, std::size_t most) {
  if (scale.log)
    return {std::pow(10, std::floor(std::log10(scale.low) + 1e-9)),
            std::pow(10, std::ceil(std::log10(scale.high) - 1e-9)), true};
  const double step = round_step((scale.high - scale.low) / static_cast<double>(most));
  return {std::floor(scale.low / step + 1e-9) * step, std::ceil(scale.high / step - 1e-9) * step,
          false};
}

std::vector<double> ticks(const Scale& scale, std::size_t most) {
  most = std::max<std::size_t>(1, most);
  if (scale.log && scale.high / scale.low >= 10) {
    auto fine = one_two_five(scale, most);
    return fine.empty() ? powers(scale, most) : fine;
  }
  return multiples(round_step((scale.high - scale.low) / static_cast<double>(most)), scale.low,
                   scale.high);
}

std::vector<std::string> tick_labels(const std::vector<double>& ticks, bool log) {
  double largest = 0, step = INFINITY;
  for (std::size_t i = 0; i < ticks.size(); ++i) {
    largest = std::max(largest, std::abs(ticks[i]));
    if (i > 0) step = std::min(step, ticks[i] - ticks[i - 1]);
  }
  if (!std::isfinite(step)) step = largest;
  const bool wide = largest >= 1e5 || (largest > 0 && largest < 1e-3) || (log && step < 1e-4);
  // Digits after the point that a multiple of the step has.
  const int decimals =
      step > 0 ? std::clamp(static_cast<int>(std::ceil(-std::log10(step) - 1e-9)), 0, 9) : 0;
  std::vector<std::string> labels;
  labels.reserve(ticks.size());
  for (const double tick : ticks) {
    if (wide && tick != 0) {
      // Labels have the digits that the distance of two ticks needs.
      const double places = std::floor(std::log10(std::abs(tick))) - std::floor(std::log10(step));
      labels.push_back(scientific(tick, log ? 1 : std::clamp(static_cast<int>(places) + 1, 1, 6)));
    } else if (log) {
      labels.push_back(with_minus(decimal(tick, 9)));
    } else {
      std::string text = decimal(tick, decimals);
      // Ticks of one axis have equally many digits after the point.
      if (decimals > 0 && tick != 0) {
        const auto point = text.find('.');
        const auto there = point == std::string::npos ? 0 : text.size() - point - 1;
        if (point == std::string::npos) text += '.';
        text.append(static_cast<std::size_t>(decimals) - there, '0');
      }
      labels.push_back(with_minus(text));
    }
  }
  return labels;
}

std::size_t label_step(std::size_t n, std::size_t most) {
  most = std::max<std::size_t>(1, most);
  if (n <= most) return 1;
  return static_cast<std::size_t>(
      std::lround(round_step(static_cast<double>(n) / static_cast<double>(most))));
}

std::string short_number(double value) {
  if (std::isnan(value)) return "";
  if (std::isinf(value)) return value > 0 ? "\u221e" : std::string(kMinus) + "\u221e";
  const double size = std::abs(value);
  if (size == 0) return "0";
  if (value == std::floor(value) && size < 1e5) return with_minus(decimal(value, 0));
  if (size >= 1e5 || size < 1e-3) return scientific(value, 3);
  const int digits = static_cast<int>(std::floor(std::log10(size)));
  return with_minus(decimal(value, std::clamp(2 - digits, 0, 5)));
}

std::string decimal(double value, int decimals) {
  std::array<char, 400> buffer{};  // a double in fixed notation has up to 309 digits
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                                 std::chars_format::fixed, decimals)
                       .ptr;
  std::string text(buffer.data(), end);
  if (text.find('.') != std::string::npos) {
    text.erase(text.find_last_not_of('0') + 1);
    if (text.back() == '.') text.pop_back();
  }
  return text == "-0" ? "0" : text;
}

}  // namespace lensbench::figure

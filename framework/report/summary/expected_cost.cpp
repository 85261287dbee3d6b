#include "report/summary/expected_cost.hpp"

#include <cstdio>
#include <optional>
#include <vector>

#include "core/text/suggest.hpp"

namespace lensbench {
namespace {

using nlohmann::json;

/// 3.4e11 for 3.4 * 10^11, and 120 for 120.
std::string rounded(double value) {
  char text[32];
  std::snprintf(text, sizeof text, value < 1e6 ? "%.0f" : "%.1e", value);
  std::string result = text;
  // The exponent without its sign and leading zero.
  for (const char* extra : {"e+0", "e+"})
    if (const auto found = result.find(extra); found != std::string::npos)
      result.replace(found, std::string(extra).size(), "e");
  return result;
}

std::string mebibytes(double bytes) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f MiB", bytes / (1 << 20));
  return text;
}

/// A number of facts that come from a file; empty if it is missing or not a number.
std::optional<double> number(const json& facts, const char* name) {
  if (!facts.is_object()) return std::nullopt;
  const auto found = facts.find(name);
  return found != facts.end() && found->is_number() ? std::optional(found->get<double>())
                                                    : std::nullopt;
}

/// `3 steps`, `1 case`.
std::string counted(double count, const std::string& one) {
  char text[32];
  std::snprintf(text, sizeof text, "%.0f ", count);
  return text + one + (count == 1 ? "" : "s");
}

}  // namespace

std::string describe_expected_cost(const json& cost, double available_bytes) {
  std::vector<std::string> parts;
  if (const auto tokens = number(cost, "picture_tokens"))
    parts.push_back(counted(*tokens, "token") + " of pictures (--set max_pixels=N gives fewer)");
  if (const auto steps = number(cost, "steps")) parts.push_back(counted(*steps, "step"));
  if (const auto operations = number(cost, "floating_point_operations"))
    parts.push_back("about " + rounded(*operations) + " floating-point operations");
  if (const auto bytes = number(cost, "bytes")) {
    parts.push_back("at most " + mebibytes(*bytes) + " in addition to the model");
    if (*bytes > available_bytes)
      parts.back() += " (only " + mebibytes(available_bytes) + " are available)";
  }
  return counted(number(cost, "cases").value_or(0), "case") + ": " +
         (parts.empty() ? "unknown" : join(parts, ", "));
}

}  // namespace lensbench

#pragma once

#include <string>

namespace lensbench {

/// Shortest text that reads back as the number: `0.1`, `1e-08`. For numbers that were given.
std::string shortest_text(double number);

/// The number with three significant digits: `0.123`, `1.23e-07`. For numbers that were computed.
std::string rounded_text(double number);

}  // namespace lensbench

#pragma once

#include <string>
#include <vector>

#include "report/views/view.hpp"

namespace lensbench::terminal {

/// One named number, with others printed beside its bar.
struct Bar {
  std::string name;
  double value = 0;
  std::vector<double> beside;  ///< NaN: left blank
};

enum class BarOrder { as_given, largest_first };
/// The `most` largest by absolute value.
std::vector<Bar> largest(std::vector<Bar> bars, std::size_t most, BarOrder order);

/// Name, value, bar and what stands beside it, a line each, on one scale and as wide as the
/// terminal. \param headers  of the names, of the values and of what stands beside; none: no header
/// line
Lines bar_chart(const std::vector<Bar>& bars, const std::vector<std::string>& headers,
                const TerminalStyle& style);

}  // namespace lensbench::terminal

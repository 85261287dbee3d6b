#pragma once

#include <string>
#include <vector>

#include "report/views/view.hpp"

namespace lensbench::terminal {

/// A named value, and further values that are printed after its bar.
struct Bar {
  std::string name;
  double value = 0;
  std::vector<double> further;  ///< NaN is left blank
};

enum class BarOrder { as_given, largest_first };
/// The `most` bars of largest absolute value.
std::vector<Bar> largest(std::vector<Bar> bars, std::size_t most, BarOrder order);

/// Bar chart with one line per bar (name, value, bar, further values), on one scale and as wide as
/// the terminal.
/// \param headers  headers of the names, the values and the further values; empty: no header line
Lines bar_chart(const std::vector<Bar>& bars, const std::vector<std::string>& headers,
                const TerminalStyle& style);

}  // namespace lensbench::terminal

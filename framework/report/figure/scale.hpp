#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace lensbench::figure {

/// Map of values to shares of a length: `low` to 0, `high` to 1.
struct Scale {
  double low = 0, high = 1;
  bool log = false;

  /// Share of a value, outside of 0 to 1 for one outside of the scale; NaN for one that a
  /// logarithm does not have.
  double share(double value) const;
  /// Value at a share: the inverse of `share`.
  double value(double share) const;
};

/// Scale that contains the finite values, the positive ones of a logarithmic scale. Values that are
/// all equal are in its middle. \param values  at least one that can be shown
Scale scale_of(const std::vector<double>& values, bool log);
/// Whether a value can be shown on a scale: finite, and positive on a logarithmic one.
bool can_show(double value, bool log);

/// Scale whose ends are at ticks, for the axis of a line.
Scale widened(const Scale& scale, std::size_t most);

/// Round numbers within a scale at equal distances of 1, 2 or 5 times a power of ten, about `most`
/// of them. On a logarithmic scale of at least one power of ten: 1, 2 and 5 times the powers of ten
/// where these are few enough, else powers of ten.
std::vector<double> ticks(const Scale& scale, std::size_t most);
/// Labels of ticks with the digits that tell them apart. A minus is `−`.
std::vector<std::string> tick_labels(const std::vector<double>& ticks, bool log = false);

/// Smallest step of 1, 2 or 5 times a power of ten by which at most `most` of `n` labels remain.
std::size_t label_step(std::size_t n, std::size_t most);

/// Value with three significant digits, for cells and the ends of bars; empty for NaN.
std::string short_number(double value);
/// A number of at most `decimals` digits after the point, without zeros at the end, whatever the
/// locale.
std::string decimal(double value, int decimals);

}  // namespace lensbench::figure

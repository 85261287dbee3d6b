#pragma once

#include <cmath>

namespace lensbench {

/// The larger of two errors, or NaN if either is: `std::max` drops a NaN, and a receipt must fail
/// on it.
inline double worst_of(double a, double b) {
  return std::isnan(a) || a > b ? a : b;
}

}  // namespace lensbench

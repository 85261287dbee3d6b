#include "core/statistics/samples.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>

namespace lensbench::statistics {

std::vector<double> present(const std::vector<double>& values) {
  std::vector<double> kept;
  std::copy_if(values.begin(), values.end(), std::back_inserter(kept),
               [](double value) { return !std::isnan(value); });
  return kept;
}

bool is_constant(const std::vector<double>& values) {
  return std::all_of(values.begin(), values.end(),
                     [&](double value) { return value == values.front(); });
}

}  // namespace lensbench::statistics

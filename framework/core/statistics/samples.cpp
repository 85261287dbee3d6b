#include "core/statistics/samples.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <iterator>
#include <lensbench/error.hpp>
#include <string>

#include "core/text/number_text.hpp"

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

void check_resampling(const Resampling& resampling) {
  constexpr std::int64_t kFewestSamples = 100;
  if (resampling.samples < kFewestSamples)
    throw UsageError("resampling: " + std::to_string(resampling.samples) +
                     " samples, expected at least " + std::to_string(kFewestSamples));
  if (!(resampling.confidence > 0 && resampling.confidence < 1))
    throw UsageError("resampling: confidence " + shortest_text(resampling.confidence) +
                     ", expected a number between 0 and 1");
}

}  // namespace lensbench::statistics

#pragma once

// Helpers of several experiments: variables with bootstrap intervals, short ways to add values, and
// receipts of tools that were called many times.

#include <ATen/ops/tensor.h>

#include <algorithm>
#include <cstdint>
#include <lensbench/dataset.hpp>
#include <lensbench/hypothesis.hpp>
#include <string>
#include <utility>
#include <vector>

namespace common {

/// Names a variable in the terms of a dataset: what `Dataset::add` needs but the values.
struct Label {
  std::string name;               ///< name of the variable
  std::vector<std::string> dims;  ///< one name for each axis
  std::string units;              ///< unit
  std::string long_name;          ///< description, with the meaning of NaN
};

/// Adds numbers in the shape of the label's axes, in C order.
inline void add_numbers(lensbench::Dataset& dataset, const Label& label,
                        const std::vector<double>& values, const std::vector<std::int64_t>& shape) {
  dataset.add(label.name, label.dims, at::tensor(values, at::kDouble).reshape(shape), label.units,
              label.long_name);
}

/// Lower ends of some intervals, then upper ones.
inline std::vector<double> bounds_of(const lensbench::statistics::Bootstrap& bootstrap,
                                     std::size_t first, std::int64_t count) {
  std::vector<double> bounds;
  for (const bool high : {false, true})
    for (std::int64_t i = 0; i < count; ++i) {
      const auto& interval = bootstrap.intervals[first + static_cast<std::size_t>(i)];
      bounds.push_back(high ? interval.high : interval.low);
    }
  return bounds;
}

/// Stores the settings of a bootstrap as attributes of a variable.
inline void set_bootstrap(lensbench::Dataset& dataset, const std::string& name,
                          const lensbench::statistics::Resampling& resampling) {
  dataset.set_attribute(name, "method", std::string("bootstrap, percentile"));
  dataset.set_attribute(name, "samples", resampling.samples);
  dataset.set_attribute(name, "seed", static_cast<std::int64_t>(resampling.seed));
  dataset.set_attribute(name, "confidence", resampling.confidence);
}

/// Adds estimates, and `<name>_interval` with a leading axis `bound` and the settings of the
/// bootstrap as attributes.
/// \param first  index of the first of the intervals that belong to the variable
inline void add_estimates(lensbench::Dataset& dataset, const Label& label,
                          const lensbench::statistics::Bootstrap& bootstrap, std::size_t first,
                          const std::vector<std::int64_t>& shape,
                          const lensbench::statistics::Resampling& resampling) {
  std::int64_t count = 1;
  for (const std::int64_t length : shape) count *= length;
  std::vector<double> estimates;
  estimates.reserve(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i)
    estimates.push_back(bootstrap.intervals[first + static_cast<std::size_t>(i)].estimate);
  add_numbers(dataset, label, estimates, shape);
  Label interval = label;
  interval.name += "_interval";
  interval.dims.insert(interval.dims.begin(), "bound");
  interval.long_name = "confidence interval (NaN: too few cases) of: " + label.long_name;
  std::vector<std::int64_t> with_bound = shape;
  with_bound.insert(with_bound.begin(), 2);
  if (!dataset.contains("bound"))
    dataset.add_coordinate("bound", std::vector<std::string>{"low", "high"}, "end of the interval");
  add_numbers(dataset, interval, bounds_of(bootstrap, first, count), with_bound);
  set_bootstrap(dataset, interval.name, resampling);
}

/// Adds receipts, and keeps the worst of each name.
inline void keep_worst(lensbench::Dataset& dataset,
                       const std::vector<lensbench::Receipt>& receipts) {
  for (const lensbench::Receipt& receipt : receipts) {
    const auto known =
        std::find_if(dataset.receipts.begin(), dataset.receipts.end(),
                     [&](const lensbench::Receipt& one) { return one.name == receipt.name; });
    if (known == dataset.receipts.end())
      dataset.receipts.push_back(receipt);
    else if (lensbench::is_worse(receipt, *known))
      *known = receipt;
  }
}

}  // namespace common

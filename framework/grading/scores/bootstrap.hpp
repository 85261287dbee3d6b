#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace lensbench::grading {

/// A task of a planted model, in the hierarchy of which samples are drawn.
struct SampledTask {
  std::string kind, model;
  std::size_t prompts = 0;
};

/// Tasks of one draw, each with its prompts; indices may be repeated.
struct Draw {
  struct Part {
    std::size_t task = 0;
    std::vector<std::size_t> prompts;
  };
  std::vector<Part> parts;
};

/// Draws of a hierarchical bootstrap: within each kind as many models as there are, with
/// replacement, and within each task of a drawn model as many prompts. Philox numbers: the same
/// tasks give the same draws, so that two tools are compared on the same ones.
std::vector<Draw> hierarchical_draws(const std::vector<SampledTask>& tasks, std::size_t n,
                                     std::uint64_t seed);

/// Percentiles 2.5 and 97.5 of values without NaN; NaN without a value.
struct PercentileInterval {
  double low = 0, high = 0;
};
PercentileInterval interval_of(const std::vector<double>& values);

}  // namespace lensbench::grading

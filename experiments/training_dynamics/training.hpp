#pragma once

#include <lensbench/dataset.hpp>
#include <lensbench/hypothesis.hpp>
#include <string>
#include <vector>

// Summary over the cases, each of which is a dataset `dynamics`.

namespace training_dynamics {

/// Adds mean, quantiles and interval over cases of a variable, at the last token where it has
/// tokens.
void add_statistics(lensbench::Dataset& table, const std::vector<lensbench::Dataset>& cases,
                    const std::string& name);

/// Adds the share of cases whose target emerged at a checkpoint or before, at the last token.
void add_emerged(lensbench::Dataset& table, const std::vector<lensbench::Dataset>& cases);

/// Adds which blocks all of the rest needs, by random samples of the cases.
void add_bottlenecks(lensbench::Dataset& table, const std::vector<lensbench::Dataset>& cases,
                     const lensbench::statistics::Resampling& resampling);

}  // namespace training_dynamics

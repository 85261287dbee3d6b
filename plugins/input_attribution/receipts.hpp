#pragma once

#include <lensbench/dataset.hpp>
#include <vector>

#include "methods.hpp"

namespace lensbench::inputs {

/// Whether integrated gradients sum to the difference of the metrics.
/// \param missed  what the sum of the attributions misses of the difference
Receipt completeness(double missed, double difference, double tolerance);

/// The gradient of a prompt must not depend on the other rows of its batch.
Receipt alone_equals_batch(const Question& q);

/// Whether tokens after the position of the metric have a gradient of 0.
Receipt later_tokens(const Question& q);

/// Receipts that every tool with replacements has, here on occlusions of single tokens, whatever
/// the methods of the run.
std::vector<Receipt> occlusion_receipts(const Question& q);

}  // namespace lensbench::inputs

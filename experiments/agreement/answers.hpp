#pragma once

#include <ATen/core/Tensor.h>

#include <lensbench/dataset.hpp>
#include <lensbench/metric.hpp>

#include "methods.hpp"

namespace agreement {

/// What the tools and the runs say of one pair of prompts.
struct Answers {
  lensbench::Dataset direct, corrupted_direct;  ///< layer_attribution
  lensbench::Dataset ablated;                   ///< activation_patching of the clean run
  lensbench::Dataset patched;                   ///< result for the pair, all positions at once
  lensbench::Dataset patched_by_token;          ///< result for the pair, position by position
  RunValues clean, corrupted;
  FirstOrder first_order;
};

/// What each method says of each component, [method, component] float64.
at::Tensor values_of(const Answers& answers, const lensbench::MetricReader& reader);

/// Values of the methods by position, [method, component, token]; NaN for methods without
/// positions.
at::Tensor values_by_token(const Answers& answers);

/// Adds receipts: `lens` and `direct` sum to the gap, the tools read the metrics that the runs have
/// and were asked the same question; and those of the tools.
/// \param result  with the variable `gap`
/// \param values  as `values_of` gives them
/// \param half    the model computes in half precision
void add_receipts(lensbench::Dataset& result, const Answers& answers,
                  const lensbench::MetricReader& reader, const at::Tensor& values, bool half);

}  // namespace agreement

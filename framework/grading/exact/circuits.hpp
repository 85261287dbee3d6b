#pragma once

#include <ATen/core/Tensor.h>

#include <set>

#include "grading/exact/exact_task.hpp"
#include "grading/truth/truth.hpp"

namespace lensbench::grading {

/// Metric [prompt] of the clean prompts in a run of some edges alone: along each of them a reader
/// gets what its source computes in this run, along all others what the source wrote in the
/// corrupted run. Without edges it is the metric of the corrupted run, with all that of the clean
/// one.
at::Tensor circuit_metric(const ExactTask& task, const std::set<Edge>& kept);

}  // namespace lensbench::grading

#pragma once

#include <vector>

#include "grading/exact/exact_task.hpp"

namespace lensbench::grading {

/// Effect of every edge, mean over prompts: m(clean) - m(clean with the source's output exchanged
/// for that of the corrupted run in the input of one reader alone). Edges lead from the embedding
/// (`embed`), heads and MLPs to the queries, keys and values of heads, to MLPs and to `logits`,
/// each of a later sublayer.
std::vector<EdgeEffect> measure_edges(const ExactTask& task);

}  // namespace lensbench::grading

#pragma once

#include <ATen/core/Tensor.h>

#include <lensbench/model.hpp>

#include "graph.hpp"
#include "path_patching/runs.hpp"

namespace lensbench::edges {

using paths::RunState;

/// What every node writes in one run less what it writes in another one, [sender, position,
/// d_model] float32. Heads are compared by what they write without the bias of the attention, which
/// belongs to none of them. The embedding contains the positions, which are equal in both runs.
at::Tensor output_differences(const Model& model, const Graph& graph, const RunState& run,
                              const RunState& other);

/// What the heads of a block write for differences of z.
/// \param z  [..., position, head, d_head]
/// \return [..., head, position, d_model] float32
at::Tensor written_by_heads(const Model& model, std::int64_t block, const at::Tensor& z);

/// A run in which no node writes: what is left are positions and biases, which are not nodes.
/// \param clean  run of the same prompt
RunState run_without_nodes(const Model& model, const Graph& graph, const RunState& clean);

}  // namespace lensbench::edges

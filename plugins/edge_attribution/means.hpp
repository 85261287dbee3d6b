#pragma once

#include <ATen/core/Tensor.h>

#include <lensbench/model.hpp>
#include <lensbench/reference_prompts.hpp>
#include <vector>

#include "graph.hpp"
#include "outputs.hpp"

namespace lensbench::edges {

/// Mean of what every node computes over all positions of the reference prompts, float32.
struct NodeMeans {
  at::Tensor embed;                  ///< [d_model], embedding of a token without its position
  std::vector<at::Tensor> z;         ///< by block, [head, d_head]
  std::vector<at::Tensor> attn_out;  ///< by block, [d_model]
  std::vector<at::Tensor> mlp_out;   ///< by block, [d_model]
};

/// Runs every reference prompt once. \throws as `ReferencePrompts::for_each`
NodeMeans mean_outputs(const Model& model, const ReferencePrompts& reference);

/// A run in which every node writes its mean at every position; positions and biases, which are
/// not nodes, are those of the prompt.
/// \param clean  run of the prompt
RunState run_with_means(const Model& model, const Graph& graph, const RunState& clean,
                        const NodeMeans& means);

}  // namespace lensbench::edges

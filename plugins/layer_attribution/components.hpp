#pragma once

#include <ATen/core/Tensor.h>

#include <lensbench/activation_cache.hpp>
#include <string>
#include <vector>

#include "ablation.hpp"
#include "direction.hpp"

namespace lensbench::attribution {

/// All additions to the residual stream, in order, and their parts of a logit.
struct Components {
  std::vector<std::string> labels;  ///< `embed`, `pos_embed`, `0_attn_out`, `0_mlp_out`, …
  at::Tensor contributions;         ///< [component, token] float64
  at::Tensor size;                  ///< [token] float64, sum of the sizes of all summed terms
  /// Largest difference between the sum of the components and the stream, over tokens and
  /// dimensions, relative to the sum of the components' absolute values.
  double stream_residual = 0.0;
};

/// Hook points that `read_components` and `block_activations` need.
std::vector<std::string> component_hooks(const TransformerSpec& spec);

/// Hook point of the input of the final norm.
std::string final_hook(const TransformerSpec& spec);

/// Decomposes the stream, some positions at a time.
/// \param cache  activations of one sequence, without the batch axis
Components read_components(const ActivationCache& cache, const TransformerSpec& spec,
                           const LogitDirection& direction);

/// Activations that ablation starts from. \param heads  read `attn.hook_z` as well
BlockActivations block_activations(const ActivationCache& cache, const TransformerSpec& spec,
                                   bool heads);

}  // namespace lensbench::attribution

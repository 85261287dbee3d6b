#pragma once

#include <ATen/core/Tensor.h>

#include <lensbench/spec.hpp>
#include <map>
#include <string>
#include <vector>

#include "ablation.hpp"

namespace lensbench::attribution {

using Activations = std::map<std::string, at::Tensor>;

/// Everything that was added to the residual stream, in the order it was added.
struct Components {
  std::vector<std::string> labels;  ///< `embed`, `pos_embed`, `0_attn_out`, `0_mlp_out`, …
  std::vector<at::Tensor> written;  ///< one [token, d_model] a label
  at::Tensor final_residual;        ///< [token, d_model], the input of the final norm
};

/// Hook points that `components` and `block_activations` need.
std::vector<std::string> component_hooks(const TransformerSpec& spec);

/// \param activations  of one sequence, [1, token, d_model] each
Components components(const TransformerSpec& spec, const Activations& activations);

BlockActivations block_activations(const TransformerSpec& spec, const Activations& activations);

/// Largest difference between the sum of the components and the stream, relative to the sum of
/// their absolute values, over tokens and dimensions.
double stream_residual(const Components& components);

/// [token, d_model] float64: the sum of the absolute values of the components.
at::Tensor absolute_sum(const Components& components);

}  // namespace lensbench::attribution

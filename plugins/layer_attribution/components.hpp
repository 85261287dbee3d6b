#pragma once

#include <ATen/core/Tensor.h>

#include <lensbench/spec.hpp>
#include <map>
#include <string>
#include <vector>

#include "ablation.hpp"

namespace lensbench::attribution {

using Activations = std::map<std::string, at::Tensor>;

/// All additions to the residual stream, in order.
struct Components {
  std::vector<std::string> labels;  ///< `embed`, `pos_embed`, `0_attn_out`, `0_mlp_out`, …
  std::vector<at::Tensor> written;  ///< one [token, d_model] for each label
  at::Tensor final_residual;        ///< [token, d_model], the input of the final norm
};

/// Hook points that `components` and `block_activations` need.
std::vector<std::string> component_hooks(const TransformerSpec& spec);

/// Splits the stream. \param activations  those of one sequence, [1, token, d_model] each
Components components(const TransformerSpec& spec, const Activations& activations);

BlockActivations block_activations(const TransformerSpec& spec, const Activations& activations);

/// Largest difference between the sum of the components and the stream, over tokens and dimensions,
/// relative to the sum of the components' absolute values.
double stream_residual(const Components& components);

/// Sum of the absolute values of the components, [token, d_model] float64.
at::Tensor absolute_sum(const Components& components);

}  // namespace lensbench::attribution

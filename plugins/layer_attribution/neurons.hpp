#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace lensbench::attribution {

/// One MLP neuron and its contribution.
struct Neuron {
  std::int64_t layer = 0;
  std::int64_t index = 0;
  double contribution = 0.0;
};

/// Contribution of every neuron of one MLP at one token: activation times W_out row · direction.
/// \param vector  [d_model], `LogitDirection::vector` at that token
/// \param post    [d_mlp], `mlp.hook_post` at that token
/// \param w_out   [d_mlp, d_model]
/// \return [d_mlp] float64
at::Tensor neuron_contributions(const at::Tensor& vector, const at::Tensor& post,
                                const at::Tensor& w_out);

/// The `count` neurons of largest absolute contribution, in that order; ties by layer, then index.
/// \param contributions  one [d_mlp] tensor per block
std::vector<Neuron> strongest_neurons(const std::vector<at::Tensor>& contributions,
                                      std::int64_t count);

}  // namespace lensbench::attribution

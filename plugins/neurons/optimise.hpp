#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <lensbench/context.hpp>
#include <lensbench/tools/neuron_explorer.hpp>
#include <vector>

namespace lensbench::neurons {

/// Philox stream of the inputs that a search starts from.
constexpr std::uint64_t kSearchStream = 0x4f50;

/// A value and its gradient by rows [row, width].
struct ValueAndGradient {
  double value = 0;
  at::Tensor gradient;
};
using Differentiable = std::function<ValueAndGradient(const at::Tensor& rows)>;

/// Rows of length `radius` with a large value, by gradient ascent: each step moves all rows along
/// the gradient, by half their length first and by less and less later, and brings them back to
/// their length.
/// \param start  [row, width] float32, none of them 0
/// \return the best rows that were seen
at::Tensor ascend(const Differentiable& function, const at::Tensor& start, double radius,
                  std::int64_t steps);

/// Inputs to which a neuron responds most, at their last position.
struct OptimisedInput {
  double optimum = 0;  ///< activation of the best embeddings
  double nearest = 0;  ///< activation of the tokens nearest to them
  double tokens = 0;   ///< activation of the best tokens
  /// Largest relative difference of the length of a row, as the model reads it, from the radius.
  double length_error = 0;
  std::vector<std::int64_t> nearest_ids, token_ids;
};

/// Searches embeddings whose length is the mean length of the vocabulary's, the tokens nearest to
/// them by cosine, and from there better tokens: one is exchanged at a time, by the gradient, and
/// kept only if a run confirms it (Ebrahimi et al. 2018, arXiv:1712.06751). Which parts are
/// searched: `options.optimise`.
/// \throws RunError if the run is to stop
OptimisedInput optimise_input(const Context& context, const NeuronId& neuron,
                              const NeuronExplorerOptions& options, std::uint64_t stream);

}  // namespace lensbench::neurons

#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <lensbench/model.hpp>
#include <string>
#include <vector>

#include "plan.hpp"

namespace lensbench::interchange {

/// Pairs that a subspace is trained on, at one place.
struct TrainingPairs {
  std::string point;
  std::int64_t position = 0;
  std::vector<Tokens> bases = {};               ///< [pair]
  at::Tensor base_rows = {}, source_rows = {};  ///< [pair, width] float64
  std::vector<std::int64_t> expected = {};      ///< [pair] token
};

/// Mean loss of some pairs, and its gradient.
struct BasisGradient {
  double loss = 0;      ///< cross-entropy of the expected token after the exchange, nats
  at::Tensor gradient;  ///< by B, [width, rank] float64
};

/// One forward and one backward pass. With the gradient g of the loss by the exchanged row, and
/// d = source - base, the gradient by B is strength (dᵀ (g B) + gᵀ (d B)).
/// \param chosen  numbers of pairs
BasisGradient basis_gradient(const Model& model, const TrainingPairs& pairs,
                             const std::vector<std::int64_t>& chosen, const at::Tensor& basis,
                             double strength);

/// A trained subspace.
struct Trained {
  at::Tensor basis;  ///< [width, rank] float64
  at::Tensor loss;   ///< [step] float64, nats, of the pairs of each step
};

/// Distributed alignment search (Geiger et al., arXiv:2303.02536): Adam on the matrix of the
/// subspace, which a QR decomposition makes orthonormal again after each step. The loss depends on
/// the subspace alone, so the part of the gradient within it is left out.
/// \param stream  of the first subspace and the order of the pairs
/// \param stop    called before each step; throws to stop
/// \throws RunError for a loss that is not finite
Trained train_basis(const Model& model, const TrainingPairs& pairs,
                    const InterchangeOptions& options, std::uint64_t seed, std::uint64_t stream,
                    const std::function<void()>& stop);

}  // namespace lensbench::interchange

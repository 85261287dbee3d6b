#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace training_dynamics {

/// Share of the fall of KL(final || layer) from the embedding on that happens in each block:
/// (KL_l - KL_(l+1)) / KL_0. NaN where KL_0 is 0.
/// \param kl  divergence at the layers 0 to n
std::vector<double> shares_of_fall(const std::vector<double>& kl);

/// Share of random samples in which a block is in the first fifth, and at least the first one, of
/// the blocks between the first and the last, by both of two rankings, the largest first. NaN for
/// the first and the last block, and without samples.
/// \param first, second  [sample, block]
std::vector<double> shares_among_first(const at::Tensor& first, const at::Tensor& second);

}  // namespace training_dynamics

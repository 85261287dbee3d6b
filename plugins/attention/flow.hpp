#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <vector>

namespace lensbench::attention {

/// Flow of information over all blocks, from patterns alone (Abnar & Zuidema 2020,
/// arXiv:2005.00928). A block passes to position i
///   mixed_ij = (1 - r) mean_h A_hij + r [i = j]
/// of position j, where r is the share of the residual stream.
/// \param mean_pattern  [query, key] float64, mean over the heads
at::Tensor mixed_attention(const at::Tensor& mean_pattern, double residual_weight);

/// Most tokens of a graph for `max_flows`.
inline constexpr std::int64_t kMostFlowTokens = 128;

/// Maximum flow from each input token to `position` after the last block, where `mixed[l][i][j]` is
/// the capacity of the edge from (l, j) to (l + 1, i) (Dinic's algorithm).
/// \param mixed  one [n, n] float64 tensor per block
/// \param step   called after each token
/// \return [n]
std::vector<double> max_flows(const std::vector<at::Tensor>& mixed, std::int64_t position,
                              const std::function<void(std::int64_t)>& step);

/// Largest capacity of a single path from each input token to `position`: a lower bound of the
/// maximum flow.
std::vector<double> widest_paths(const std::vector<at::Tensor>& mixed, std::int64_t position);

/// Largest excess of a single path over the maximum flow of its token, which it bounds from below;
/// 0 if there is none, NaN if a number is.
double flow_error(const std::vector<double>& widest, const std::vector<double>& flows);

}  // namespace lensbench::attention

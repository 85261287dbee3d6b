#include "bottlenecks.hpp"

#include <algorithm>
#include <limits>
#include <numeric>
#include <set>

namespace training_dynamics {
namespace {

constexpr double kNotDetermined = std::numeric_limits<double>::quiet_NaN();

/// Blocks between the first and the last that are in the first fifth by their values. A value of 0
/// or less is left out: a block that the loss falls without is not a bottleneck in any rank.
std::set<std::size_t> first_fifth(const double* values, std::size_t n_blocks) {
  std::vector<std::size_t> order(n_blocks - 2);
  std::iota(order.begin(), order.end(), std::size_t{1});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return values[a] > values[b]; });
  order.resize(std::max<std::size_t>(1, order.size() / 5));
  std::erase_if(order, [&](std::size_t block) { return !(values[block] > 0); });
  return {order.begin(), order.end()};
}

}  // namespace

std::vector<double> shares_of_fall(const std::vector<double>& kl) {
  std::vector<double> shares;
  shares.reserve(kl.size());
  for (std::size_t layer = 0; layer + 1 < kl.size(); ++layer)
    shares.push_back(kl.front() > 0 ? (kl[layer] - kl[layer + 1]) / kl.front() : kNotDetermined);
  return shares;
}

std::vector<double> shares_among_first(const at::Tensor& first, const at::Tensor& second) {
  const auto n_blocks = static_cast<std::size_t>(first.size(1));
  std::vector<double> shares(n_blocks, kNotDetermined);
  if (n_blocks < 3 || first.size(0) == 0) return shares;
  std::fill(shares.begin() + 1, shares.end() - 1, 0.0);
  const at::Tensor a = first.contiguous(), b = second.contiguous();
  for (std::int64_t sample = 0; sample < a.size(0); ++sample) {
    const auto of_a = first_fifth(a[sample].data_ptr<double>(), n_blocks);
    const auto of_b = first_fifth(b[sample].data_ptr<double>(), n_blocks);
    for (const std::size_t block : of_a)
      if (of_b.contains(block)) shares[block] += 1;
  }
  for (double& share : shares) share /= static_cast<double>(a.size(0));
  return shares;
}

}  // namespace training_dynamics

// The maximum flow equals the smallest cut, found by trying all cuts.
#include "attention/flow.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <lensbench/random.hpp>
#include <limits>

namespace lensbench::attention {
namespace {

/// Smallest sum of capacities that leave a set with the source and without the sink. Nodes are
/// numbered layer by layer.
double smallest_cut(const std::vector<at::Tensor>& mixed, std::int64_t source, std::int64_t sink) {
  const std::int64_t n = mixed.front().size(0), layers = std::ssize(mixed);
  double smallest = std::numeric_limits<double>::infinity();
  for (std::int64_t set = 0; set < (std::int64_t{1} << (n * (layers + 1))); ++set) {
    const auto in_set = [&](std::int64_t node) { return ((set >> node) & 1) != 0; };
    if (!in_set(source) || in_set(layers * n + sink)) continue;
    double cut = 0.0;
    for (std::int64_t layer = 0; layer < layers; ++layer) {
      const double* capacity = mixed[static_cast<std::size_t>(layer)].data_ptr<double>();
      for (std::int64_t to = 0; to < n; ++to)
        for (std::int64_t from = 0; from < n; ++from)
          if (in_set(layer * n + from) && !in_set((layer + 1) * n + to))
            cut += capacity[to * n + from];
    }
    smallest = std::min(smallest, cut);
  }
  return smallest;
}

std::vector<at::Tensor> random_blocks(std::uint64_t seed, std::int64_t layers, std::int64_t n) {
  Philox random(seed, 0);
  std::vector<at::Tensor> blocks;
  for (std::int64_t layer = 0; layer < layers; ++layer) {
    at::Tensor block = at::zeros({n, n}, at::kDouble);
    for (std::int64_t i = 0; i < n; ++i)
      for (std::int64_t j = 0; j <= i; ++j) block[i][j] = random.uniform();
    blocks.push_back(block / block.sum(-1, true));
  }
  return blocks;
}

TEST(MaximumFlow, EqualsTheSmallestCut) {
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    const auto blocks = random_blocks(seed, 3, 3);
    const auto flows = max_flows(blocks, 2, [](std::int64_t) {});
    const auto widest = widest_paths(blocks, 2);
    for (std::int64_t token = 0; token < 3; ++token) {
      const auto i = static_cast<std::size_t>(token);
      EXPECT_NEAR(flows[i], smallest_cut(blocks, token, 2), 1e-12) << "seed " << seed;
      EXPECT_LE(widest[i], flows[i] + 1e-12);
      EXPECT_GT(widest[i], 0.0);
    }
  }
}

TEST(MaximumFlow, ReturnsFlowThatTookAWrongWay) {
  // From (0, 0) to (3, 1): the first path through (1, 0) and (2, 0) must move to (2, 1), because
  // (1, 1) only leads to (2, 0). Rows are where an edge ends, columns where it begins.
  const at::Tensor first = at::tensor({1.0, 0.0, 1.0, 0.0}, at::kDouble).view({2, 2});
  const at::Tensor second = at::tensor({1.0, 1.0, 1.0, 0.0}, at::kDouble).view({2, 2});
  const at::Tensor third = at::tensor({0.0, 0.0, 1.0, 1.0}, at::kDouble).view({2, 2});
  EXPECT_EQ(max_flows({first, second, third}, 1, [](std::int64_t) {})[0], 2.0);
}

TEST(MaximumFlow, ReportsEachToken) {
  std::vector<std::int64_t> steps;
  max_flows(random_blocks(1, 2, 4), 3, [&](std::int64_t done) { steps.push_back(done); });
  EXPECT_EQ(steps, (std::vector<std::int64_t>{1, 2, 3, 4}));
}

}  // namespace
}  // namespace lensbench::attention

#include "flow.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/eye.h>

#include <algorithm>
#include <cstddef>
#include <deque>
#include <limits>

#include "common/worst.hpp"

namespace lensbench::attention {
namespace {

/// Capacities below this are none: what rounding leaves of an edge that is full.
constexpr double kNoCapacity = 1e-14;

/// Edges from (l, j) to (l + 1, i), row by row: [i * n + j].
std::vector<std::vector<double>> numbers_of(const std::vector<at::Tensor>& mixed) {
  std::vector<std::vector<double>> numbers;
  for (const at::Tensor& one : mixed) {
    const at::Tensor dense = one.contiguous();
    const double* data = dense.data_ptr<double>();
    numbers.emplace_back(data, data + dense.numel());
  }
  return numbers;
}

/// A graph of layers of n nodes in which every node of a layer may have an edge to every node of
/// the next one.
class LayeredFlow {
 public:
  LayeredFlow(const std::vector<std::vector<double>>& capacities, std::size_t n,
              std::size_t position)
      : n_(n),
        sink_(capacities.size() * n + position),
        capacities_(capacities),
        depth_((capacities.size() + 1) * n),
        next_(depth_.size()) {}

  /// Maximum flow from one token, by shortest augmenting paths in phases (Dinic).
  double from(std::size_t token) {
    forward_ = capacities_;
    backward_.assign(capacities_.size(), std::vector<double>(n_ * n_, 0.0));
    double flow = 0.0;
    while (measure_depths(token)) {
      // Edges that a phase has used up are not tried again.
      std::fill(next_.begin(), next_.end(), 0);
      constexpr double kAll = std::numeric_limits<double>::infinity();
      for (double more = push(token, kAll); more != 0.0; more = push(token, kAll)) flow += more;
    }
    return flow;
  }

 private:
  /// Remaining capacity of neighbour `k` of a node: the nodes of the next layer, then those of the
  /// layer before, to which flow may be returned. \return nullptr if the node lacks that layer
  double* remaining(std::size_t node, std::size_t k) {
    const std::size_t layer = node / n_, at = node % n_;
    if (k < n_) return layer < forward_.size() ? &forward_[layer][k * n_ + at] : nullptr;
    return layer > 0 ? &backward_[layer - 1][at * n_ + (k - n_)] : nullptr;
  }
  // Capacity of the same edge in the other direction, to which sent flow is given back.
  double& opposite(std::size_t node, std::size_t k) {
    const std::size_t layer = node / n_, at = node % n_;
    return k < n_ ? backward_[layer][k * n_ + at] : forward_[layer - 1][at * n_ + (k - n_)];
  }
  std::size_t neighbour(std::size_t node, std::size_t k) const {
    const std::size_t layer = node / n_;
    return k < n_ ? (layer + 1) * n_ + k : (layer - 1) * n_ + (k - n_);
  }

  /// Number of edges from the source to each node; -1 where none leads. \return sink is reached
  bool measure_depths(std::size_t source) {
    std::fill(depth_.begin(), depth_.end(), -1);
    depth_[source] = 0;
    std::deque<std::size_t> waiting{source};
    // The search ends at the sink, since deeper nodes cannot be on a shortest path.
    while (!waiting.empty() && depth_[sink_] < 0) {
      const std::size_t node = waiting.front();
      waiting.pop_front();
      for (std::size_t k = 0; k < 2 * n_; ++k) {
        const double* left = remaining(node, k);
        if (left == nullptr || *left < kNoCapacity) continue;
        const std::size_t other = neighbour(node, k);
        if (depth_[other] >= 0) continue;
        depth_[other] = depth_[node] + 1;
        waiting.push_back(other);
      }
    }
    return depth_[sink_] >= 0;
  }

  /// Sends flow along one path of a shortest length. \return its amount, 0 if there is none
  double push(std::size_t node, double most) {
    if (node == sink_) return most;
    for (; next_[node] < 2 * n_; ++next_[node]) {
      const std::size_t k = next_[node];
      double* left = remaining(node, k);
      if (left == nullptr || *left < kNoCapacity) continue;
      const std::size_t other = neighbour(node, k);
      if (depth_[other] != depth_[node] + 1) continue;
      const double sent = push(other, std::min(most, *left));
      if (sent == 0.0) continue;
      *left -= sent;
      opposite(node, k) += sent;
      return sent;
    }
    return 0.0;
  }

  std::size_t n_, sink_;
  const std::vector<std::vector<double>>& capacities_;
  std::vector<std::vector<double>> forward_, backward_;
  std::vector<std::int64_t> depth_;
  std::vector<std::size_t> next_;
};

}  // namespace

/// The residual stream passes each position on to itself.
at::Tensor mixed_attention(const at::Tensor& mean_pattern, double residual_weight) {
  return (1.0 - residual_weight) * mean_pattern +
         residual_weight * at::eye(mean_pattern.size(0), mean_pattern.options());
}

/// Each token has a flow of its own, which may use all capacity.
std::vector<double> max_flows(const std::vector<at::Tensor>& mixed, std::int64_t position,
                              const std::function<void(std::int64_t)>& step) {
  const auto n = static_cast<std::size_t>(mixed.front().size(0));
  const std::vector<std::vector<double>> capacities = numbers_of(mixed);
  LayeredFlow flow(capacities, n, static_cast<std::size_t>(position));
  std::vector<double> flows;
  for (std::size_t token = 0; token < n; ++token) {
    flows.push_back(flow.from(token));
    step(static_cast<std::int64_t>(token) + 1);
  }
  return flows;
}

std::vector<double> widest_paths(const std::vector<at::Tensor>& mixed, std::int64_t position) {
  const auto n = static_cast<std::size_t>(mixed.front().size(0));
  const std::vector<std::vector<double>> capacities = numbers_of(mixed);
  // Backwards from the end: the widest path from each node of a layer.
  std::vector<double> widest(n, 0.0);
  widest[static_cast<std::size_t>(position)] = std::numeric_limits<double>::infinity();
  for (std::size_t layer = capacities.size(); layer-- > 0;) {
    std::vector<double> before(n, 0.0);
    for (std::size_t to = 0; to < n; ++to)
      for (std::size_t from = 0; from < n; ++from)
        before[from] =
            std::max(before[from], std::min(widest[to], capacities[layer][to * n + from]));
    widest = std::move(before);
  }
  return widest;
}

double flow_error(const std::vector<double>& widest, const std::vector<double>& flows) {
  double error = 0.0;
  for (std::size_t i = 0; i < widest.size(); ++i) error = worst_of(error, widest[i] - flows[i]);
  return error;
}

}  // namespace lensbench::attention

#include "circuit.hpp"

#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>
#include <lensbench/error.hpp>
#include <lensbench/statistics.hpp>
#include <numeric>
#include <queue>
#include <set>

namespace lensbench::edges {
namespace {

constexpr std::int64_t kLogits = -1;

/// Readers that belong to a node, by which its own edges come in. Heads of shared keys and values
/// belong to all heads that use them.
std::vector<std::int64_t> readers_of(const Graph& graph, std::int64_t node) {
  if (node == kLogits) return {graph.n_readers() - 1};
  const Sender& sender = graph.senders[static_cast<std::size_t>(node)];
  if (sender.kind == Sender::Kind::embed) return {};
  const std::int64_t first = graph.readers_before(sender.block);
  if (sender.kind == Sender::Kind::mlp) return {first + graph.queries + 2 * graph.keys};
  std::vector<std::int64_t> readers;
  const std::int64_t sharing = graph.queries / graph.keys;
  for (std::int64_t head = 0; head < graph.queries; ++head) {
    if (sender.head >= 0 && sender.head != head) continue;
    const std::int64_t key = first + graph.queries + head / sharing;
    readers.insert(readers.end(), {first + head, key, key + graph.keys});
  }
  return readers;
}

}  // namespace

Order by_value(const at::Tensor& values) {
  const std::vector<double> numbers = statistics::values_of(values);
  Order order(numbers.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
    return numbers[static_cast<std::size_t>(a)] > numbers[static_cast<std::size_t>(b)];
  });
  return order;
}

Order grown_from_logits(const Graph& graph, const at::Tensor& values) {
  const std::vector<double> numbers = statistics::values_of(values);
  std::vector<std::vector<std::int64_t>> into(static_cast<std::size_t>(graph.n_readers()));
  for (std::size_t e = 0; e < graph.edges.size(); ++e)
    into[static_cast<std::size_t>(graph.edges[e].reader)].push_back(static_cast<std::int64_t>(e));
  const auto worse = [&](std::int64_t a, std::int64_t b) {
    const double x = numbers[static_cast<std::size_t>(a)], y = numbers[static_cast<std::size_t>(b)];
    return x < y || (x == y && a > b);
  };
  std::priority_queue<std::int64_t, std::vector<std::int64_t>, decltype(worse)> open(worse);
  std::set<std::int64_t> readers_seen, nodes_seen;
  const auto open_readers = [&](std::int64_t node) {
    if (!nodes_seen.insert(node).second) return;
    for (const std::int64_t reader : readers_of(graph, node))
      if (readers_seen.insert(reader).second)
        for (const std::int64_t edge : into[static_cast<std::size_t>(reader)]) open.push(edge);
  };
  open_readers(kLogits);
  Order order;
  order.reserve(graph.edges.size());
  while (!open.empty()) {
    order.push_back(open.top());
    open.pop();
    open_readers(graph.edges[static_cast<std::size_t>(order.back())].sender);
  }
  return order;
}

Ranking ranking_of(const Graph& graph, const EdgeAttributionOptions& options,
                   const at::Tensor& edges, const at::Tensor& nodes) {
  if (options.level != "edge" && options.level != "node")
    throw UsageError("edge_attribution: unknown level '" + options.level + "'; give edge or node");
  if (options.select != "top" && options.select != "greedy")
    throw UsageError("edge_attribution: unknown selection '" + options.select +
                     "'; give top or greedy");
  if (options.level == "node") return {by_value(nodes), true};
  return {options.select == "greedy" ? grown_from_logits(graph, edges) : by_value(edges), false};
}

std::int64_t kept_of(double share, std::int64_t count) {
  return static_cast<std::int64_t>(std::floor(share * static_cast<double>(count)));
}

at::Tensor circuit_of(const Graph& graph, const Ranking& ranking, double share) {
  const auto count = static_cast<std::int64_t>(graph.edges.size());
  at::Tensor kept = at::zeros({count}, at::kBool);
  bool* const in = kept.data_ptr<bool>();
  const std::int64_t n = kept_of(share, std::ssize(ranking.order));
  if (!ranking.of_nodes) {
    for (std::int64_t i = 0; i < n; ++i) in[ranking.order[static_cast<std::size_t>(i)]] = true;
    return kept;
  }
  const std::set<std::int64_t> nodes(ranking.order.begin(), ranking.order.begin() + n);
  for (std::int64_t e = 0; e < count; ++e)
    in[e] = nodes.contains(graph.edges[static_cast<std::size_t>(e)].sender);
  return kept;
}

double area(const std::vector<double>& shares, const std::vector<double>& values) {
  double sum = 0;
  for (std::size_t i = 1; i < shares.size(); ++i)
    sum += (shares[i] - shares[i - 1]) * (values[i - 1] + values[i]) / 2;
  return sum;
}

}  // namespace lensbench::edges

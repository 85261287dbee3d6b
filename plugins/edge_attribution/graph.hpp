#pragma once

#include <cstdint>
#include <lensbench/spec.hpp>
#include <lensbench/tools/edge_attribution.hpp>
#include <vector>

#include "path_patching/nodes.hpp"

namespace lensbench::edges {

using paths::Receiver;
using paths::Sender;

/// Nodes of a model and the edges between them. Senders and readers are in the order of the
/// forward: the embedding, then of each block its heads (or its attention) and its MLP; queries,
/// keys, values and MLP of each block, then the logits.
struct Graph {
  /// Indices of one edge.
  struct Edge {
    std::int64_t sender = 0, reader = 0;
  };

  std::vector<Sender> senders;
  std::vector<Receiver> readers;
  std::vector<Edge> edges;             ///< by reader, then by sender
  std::int64_t attention_senders = 0;  ///< senders of each block: its heads, or 1
  std::int64_t queries = 0;            ///< readers of queries of each block
  std::int64_t keys = 0;               ///< readers of keys of each block, and of values

  std::int64_t n_senders() const { return std::ssize(senders); }
  std::int64_t n_readers() const { return std::ssize(readers); }
  /// First sender of a block. The MLP comes after `attention_senders` of them.
  std::int64_t senders_before(std::int64_t block) const {
    return 1 + block * (attention_senders + 1);
  }
  /// First reader of a block: queries, keys, values, MLP.
  std::int64_t readers_before(std::int64_t block) const { return block * (queries + 2 * keys + 1); }
};

/// \throws UsageError where the stream is not a sum of what the nodes write
Graph graph_of(const TransformerSpec& spec);

/// Number of edges by the published formula, from the shape of the model alone: the sum over blocks
/// l of (1 + l (S + 1)) (H + 2 H_kv + 1) readers, S more into each MLP that follows its attention,
/// and 1 + n (S + 1) into the logits, with S senders of an attention.
std::int64_t number_of_edges(const TransformerSpec& spec);

/// Names of an edge: `L3H0` and `q` for the receiver `L3H0.q`.
GraphEdge names_of(const Graph& graph, const Graph::Edge& edge);

}  // namespace lensbench::edges

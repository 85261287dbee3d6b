#include "graph.hpp"

#include <algorithm>
#include <lensbench/error.hpp>
#include <tuple>

namespace lensbench::edges {
namespace {

/// Only where norms come before the sublayers can the heads of an attention be told apart in the
/// stream.
const char* attention_word(const TransformerSpec& spec) {
  return spec.norm_placement == NormPlacement::before ? "heads" : "attentions";
}

/// Senders in the order in which they write: the MLP of a block after its attention.
std::vector<Sender> all_senders(const TransformerSpec& spec) {
  std::vector<Sender> senders = paths::parse_senders(spec, {"embed", attention_word(spec), "mlps"});
  std::stable_sort(senders.begin(), senders.end(), [](const Sender& a, const Sender& b) {
    const auto key = [](const Sender& s) {
      return std::tuple(s.block, s.kind == Sender::Kind::mlp);
    };
    return key(a) < key(b);
  });
  return senders;
}

/// Readers in the order of the forward; the logits, which are not in a block, come last.
std::vector<Receiver> all_readers(const TransformerSpec& spec) {
  std::vector<Receiver> readers = paths::parse_receivers(spec, {"all"});
  std::stable_sort(readers.begin(), readers.end(), [](const Receiver& a, const Receiver& b) {
    const auto key = [](const Receiver& r) { return std::tuple(r.block < 0, r.block, r.kind); };
    return key(a) < key(b);
  });
  return readers;
}

}  // namespace

Graph graph_of(const TransformerSpec& spec) {
  if (spec.norm_placement == NormPlacement::after_add)
    throw UsageError("edge_attribution: '" + spec.family +
                     "' normalises its stream after each addition, so the stream is not a sum of "
                     "what nodes write; use activation_patching");
  if (spec.latent)
    throw UsageError("edge_attribution: all heads of '" + spec.family +
                     "' read their keys and values from one latent vector, so they do not have "
                     "inputs of their own; use activation_patching");
  Graph graph;
  graph.senders = all_senders(spec);
  graph.readers = all_readers(spec);
  graph.attention_senders =
      spec.norm_placement == NormPlacement::before ? spec.attention.n_heads : 1;
  graph.queries = spec.attention.n_heads;
  graph.keys = spec.attention.n_key_value_heads;
  for (std::int64_t r = 0; r < graph.n_readers(); ++r)
    for (std::int64_t s = 0; s < graph.n_senders(); ++s)
      if (paths::is_later(spec, graph.senders[static_cast<std::size_t>(s)],
                          graph.readers[static_cast<std::size_t>(r)]))
        graph.edges.push_back({s, r});
  return graph;
}

std::int64_t number_of_edges(const TransformerSpec& spec) {
  const AttentionSpec& attention = spec.attention;
  const std::int64_t senders = spec.norm_placement == NormPlacement::before ? attention.n_heads : 1;
  const std::int64_t readers = attention.n_heads + 2 * attention.n_key_value_heads + 1;
  std::int64_t count = 1 + spec.n_layers * (senders + 1);
  for (std::int64_t block = 0; block < spec.n_layers; ++block)
    count += (1 + block * (senders + 1)) * readers + (spec.parallel_blocks ? 0 : senders);
  return count;
}

GraphEdge names_of(const Graph& graph, const Graph::Edge& edge) {
  const Receiver& reader = graph.readers[static_cast<std::size_t>(edge.reader)];
  GraphEdge names{graph.senders[static_cast<std::size_t>(edge.sender)].label, reader.label, "in"};
  // Labels of heads end in their slot; an MLP is named as a node is, by what it writes.
  if (reader.of_head()) {
    names.slot = reader.label.substr(reader.label.size() - 1);
    names.target = reader.label.substr(0, reader.label.size() - 2);
  } else if (reader.kind == Receiver::Kind::mlp) {
    names.target = std::to_string(reader.block) + "_mlp_out";
  }
  return names;
}

}  // namespace lensbench::edges

#pragma once

#include <lensbench/result_spec.hpp>

namespace lensbench::edges {

/// Variables of edge_attribution.
inline constexpr ResultSpec kEdgeTable[] = {
    {"edge_score", "edge", "nats or 1",
     "predicted change of the metric when the edge carries the corrupted value (exact: measured)",
     View::graph},
    {"importance", "edge", "nats or 1", "-edge_score: positive for edges that support the metric",
     View::graph},
    {"node_score", "component", "nats or 1",
     "the same for everything that leaves a node, from the gradient at its own output", View::bars,
     false},
    {"edges_kept", "proportion", "1", "edges of the circuit of each share", View::general, false},
    {"in_circuit", "proportion edge", "1", "1: the edge is part of the circuit of the share",
     View::general, false},
    {"circuit_metric", "ranking proportion", "nats or 1",
     "metric of the circuit of each share, everything else ablated", View::trajectory, false},
    {"faithfulness", "ranking proportion", "1",
     "(circuit_metric - metric of no edge) / (metric of all edges - metric of no edge)",
     View::trajectory, false},
    {"random_faithfulness", "proportion draw", "1", "the same for circuits of random edges",
     View::general, false},
    {"cpr", "", "1", "area under the faithfulness of the ranking by importance", View::general,
     false},
    {"cmd", "", "1", "area of |1 - faithfulness| of the ranking by magnitude", View::general,
     false},
    {"in_truth", "edge", "1", "1: the truth says that the edge carries the answer", View::general,
     false},
    {"auroc", "", "1",
     "share of pairs of a true edge and another one in which the true one has the larger "
     "importance by size",
     View::general, false},
    {"clean_metric", "", "nats or 1", "metric of the clean run", View::general},
    {"corrupted_metric", "", "nats or 1", "metric of the corrupted run", View::general},
    {"gap", "", "nats or 1", "corrupted_metric minus clean_metric", View::general},
    {"routing_jumps", "", "nats or 1",
     "part of the gap from jumps of the metric where the experts of a mixture change between the "
     "prompts: no edge has it (ig_inputs)",
     View::general, false},
    {"routing_changes", "", "1",
     "pairs of neighbouring steps between the prompts with different experts", View::general,
     false},
};

}  // namespace lensbench::edges

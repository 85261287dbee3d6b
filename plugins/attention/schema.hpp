#pragma once

#include <lensbench/result_spec.hpp>

namespace lensbench::attention {

/// Variables of the results.
inline constexpr ResultSpec kResultTable[] = {
    {"eligible_queries", "detector", "1", "queries that have a key which the detector looks for",
     View::table, false},
    {"best_block", "detector", "1", "block of the head with the largest score", View::table, false},
    {"best_head", "detector", "1", "head with the largest score", View::table, false},
    {"best_score", "detector", "1", "its score", View::table, false},
    {"detector_score", "detector block head", "1",
     "mean weight on the detector's keys over its eligible queries", View::bars, false},
    {"detector_share", "detector block head", "1",
     "weight on the detector's keys over the weight of all queries", View::general, false},
    {"detector_match", "detector block head", "1",
     "1 - sum |pattern - mask of the detector's keys| / number of queries", View::general, false},
    {"entropy", "block head token", "nats", "entropy of the weights of this query", View::general},
    {"normalized_entropy", "block head token", "1",
     "entropy over the ln of the number of keys that this query sees", View::general},
    {"mean_distance", "block head token", "1",
     "mean number of tokens between this query and its keys, by weight", View::general},
    {"first_token_mass", "block head token", "1", "weight on the first token", View::general},
    {"first_token_weighted_mass", "block head token", "1",
     "share of the first token in the sum of weight times norm of what the head writes",
     View::general},
    {"special_mass", "block head token", "1", "weight on special tokens", View::general, false},
    {"received", "block head token", "1", "mean weight on this key over the queries that see it",
     View::general},
    {"top_key", "block head token rank", "1", "positions of the keys with most weight",
     View::general, false},
    {"top_weight", "block head token rank", "1", "their weights", View::general, false},
    {"pattern", "block head query_position key_position", "1", "attention pattern", View::attention,
     false},
    {"selected_pattern", "selected_head query_position key_position", "1",
     "attention pattern of a head that was asked for", View::attention, false},
    {"position_rollout", "layer token", "1",
     "how much of this token the chosen position has at each layer, by rollout", View::heatmap,
     false},
    {"rollout", "layer query_position key_position", "1",
     "how much of each key a position has at each layer, by rollout", View::general, false},
    {"max_flow", "token", "1",
     "maximum flow of attention from this token to the chosen position after the last block",
     View::tokens, false},
};

}  // namespace lensbench::attention

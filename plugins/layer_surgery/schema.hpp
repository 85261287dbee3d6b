#pragma once

#include <lensbench/result_spec.hpp>

namespace lensbench::surgery {

/// Variables of the results.
inline constexpr ResultSpec kResultTable[] = {
    {"loss_increase", "variant", "nats", "loss of the variant minus that of the unchanged model",
     View::bars},
    {"loss", "variant", "nats", "mean cross-entropy of the token that follows", View::table},
    {"mean_kl", "variant", "nats", "mean of KL(unchanged model || variant)", View::table},
    {"agreement", "variant", "1", "share of positions with the first choice of the unchanged model",
     View::table},
    {"loss_increase_interval", "variant bound", "nats",
     "95 % bootstrap interval of the increase over windows of the text", View::statistics, false},
    {"whole_loss", "", "nats", "loss of the unchanged model", View::general},
    {"cross_entropy", "variant token", "nats", "-ln probability of the token that follows",
     View::heatmap, false},
    {"kl", "variant token", "nats", "KL(unchanged model || variant)", View::heatmap, false},
    {"agrees", "variant token", "1", "1 where the first choice is that of the unchanged model",
     View::general, false},
    {"whole_cross_entropy", "token", "nats",
     "-ln probability of the token that follows in the unchanged model", View::tokens, false},
    {"block_influence", "block", "1",
     "1 minus the mean cosine of the streams before and after the block", View::trajectory},
    {"loss_increase_by_place", "place", "nats",
     "mean increase over the variants that change the first block, one between, or the last one",
     View::table},
    {"pruned_loss", "by fraction", "nats", "loss with this share of the parts at zero",
     View::heatmap, false},
    {"random_pruned_loss", "draw fraction", "nats",
     "loss with this share of the parts at zero, in a random order", View::heatmap, false},
    {"pruned_parts", "fraction", "1", "number of neurons or heads at zero", View::table, false},
    {"donor_embedding_cosine", "", "1",
     "mean cosine of the token embeddings of model and donor; near 0: another basis", View::general,
     false},
};

}  // namespace lensbench::surgery

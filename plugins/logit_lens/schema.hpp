#pragma once

#include <lensbench/result_spec.hpp>

namespace lensbench::lens {

/// Variables of the results: those of `resid_post`, and those of the other points with their names
/// as prefix.
inline constexpr ResultSpec kResultTable[] = {
    {"top_id", "layer token rank", "1", "tokens with the largest probability", View::heatmap,
     false},
    {"top_probability", "layer token rank", "1", "probability of each candidate", View::heatmap,
     false},
    {"top_logit", "layer token rank", "1", "logit of each candidate", View::general, false},
    {"entropy", "layer token", "nats", "entropy of the distribution", View::heatmap, false},
    {"kl_final_to_layer", "layer token", "nats",
     "KL divergence of the model's own distribution from that at this layer", View::heatmap, false},
    {"cross_entropy", "layer token", "nats", "-ln probability of the token that follows",
     View::heatmap, false},
    {"target_probability", "layer token", "1", "probability of the target", View::heatmap, false},
    {"target_log_probability", "layer token", "nats", "ln probability of the target", View::heatmap,
     false},
    {"target_rank", "layer token", "1",
     "1 + number of tokens with a strictly larger logit than the target", View::trajectory, false},
    {"target_logit", "layer token", "1", "logit of the target", View::trajectory, false},
    {"*_top_id", "block token rank", "1",
     "tokens with the largest probability decoded from a point", View::heatmap, false},
    {"*_top_probability", "block token rank", "1",
     "probability of each candidate decoded from a point", View::heatmap, false},
    {"*_top_logit", "block token rank", "1", "logit of each candidate decoded from a point",
     View::general, false},
    {"*_entropy", "block token", "nats", "entropy of the distribution decoded from a point",
     View::heatmap, false},
    {"*_kl_final_to_layer", "block token", "nats",
     "KL divergence of the model's own distribution from that decoded from a point", View::heatmap,
     false},
    {"*_cross_entropy", "block token", "nats",
     "-ln probability of the token that follows decoded from a point", View::heatmap, false},
    {"*_target_probability", "block token", "1", "probability of the target decoded from a point",
     View::heatmap, false},
    {"*_target_log_probability", "block token", "nats",
     "ln probability of the target decoded from a point", View::heatmap, false},
    {"*_target_rank", "block token", "1",
     "1 + number of tokens with a strictly larger logit than the target decoded from a point",
     View::trajectory, false},
    {"*_target_logit", "block token", "1", "logit of the target decoded from a point",
     View::trajectory, false},
    {"target_id", "token", "1", "token that the target columns score", View::tokens},
    {"settled_layer", "token", "1",
     "first layer from which the model's own prediction stays rank 1; -1: never", View::tokens,
     false},
    {"leaves_top", "layer token", "1",
     "1 where the model's own prediction has lost the rank 1 of the layer before", View::heatmap,
     false},
    {"masked", "token", "1",
     "1 at mask tokens, the positions that a masked-language model predicts", View::tokens, false},
};

}  // namespace lensbench::lens

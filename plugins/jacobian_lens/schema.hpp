#pragma once

#include <lensbench/result_spec.hpp>

namespace lensbench::jacobian {

/// Variables of the results: those of the logit lens, read through the Jacobians, and what a fit
/// gives.
inline constexpr ResultSpec kResultTable[] = {
    {"top_id", "layer token rank", "1", "tokens with the largest probability", View::heatmap},
    {"top_probability", "layer token rank", "1", "probability of each candidate", View::heatmap},
    {"top_logit", "layer token rank", "1", "logit of each candidate", View::general},
    {"entropy", "layer token", "nats", "entropy of the distribution", View::heatmap},
    {"kl_final_to_layer", "layer token", "nats",
     "KL divergence of the model's own distribution from that at this layer", View::heatmap},
    {"cross_entropy", "layer token", "nats", "-ln probability of the token that follows",
     View::heatmap},
    {"target_probability", "layer token", "1", "probability of the target", View::heatmap},
    {"target_log_probability", "layer token", "nats", "ln probability of the target",
     View::heatmap},
    {"target_rank", "layer token", "1",
     "1 + number of tokens with a strictly larger logit than the target", View::trajectory},
    {"target_logit", "layer token", "1", "logit of the target", View::trajectory},
    {"target_id", "token", "1", "token that the target columns score", View::tokens},
    {"settled_layer", "token", "1",
     "first layer from which the model's own prediction stays rank 1; -1: never", View::tokens},
    {"leaves_top", "layer token", "1",
     "1 where the model's own prediction has lost the rank 1 of the layer before", View::heatmap},
    {"shift", "layer token", "nats",
     "KL divergence of the distribution of this lens from that of the logit lens", View::heatmap},
    {"jacobian", "block d_model other_d_model", "1",
     "mean derivative of the last stream by the output of each block", View::general, false},
    {"fitted", "block", "1", "1 where the Jacobian was fitted; elsewhere it is the identity",
     View::table, false},
    {"fit_se", "block", "1", "standard error of the Jacobian over prompts, relative to its size",
     View::table, false},
    {"split_half", "block", "1",
     "difference between the means of every other prompt, relative to the size of the Jacobian",
     View::table, false},
};

}  // namespace lensbench::jacobian

#pragma once

#include <lensbench/result_spec.hpp>

namespace lensbench::vision_lens {

/// Variables of the results.
inline constexpr ResultSpec kResultTable[] = {
    {"concept_log_probability", "layer image_token concept", "nats",
     "ln of the summed probability of the concept's tokens", View::image, false},
    {"concept_rank", "layer image_token concept", "1",
     "1 + number of tokens with a strictly larger logit than the concept's best token", View::image,
     false},
    {"top_id", "layer image_token rank", "1", "tokens with the largest probability", View::general},
    {"top_probability", "layer image_token rank", "1", "probability of each candidate",
     View::general},
    {"entropy", "layer image_token", "nats", "entropy of the distribution", View::image},
    {"answer_concept_log_probability", "layer concept", "nats",
     "ln of the summed probability of the concept's tokens at the last position", View::trajectory,
     false},
    {"answer_concept_rank", "layer concept", "1",
     "1 + number of tokens with a strictly larger logit than the concept's best token at the last "
     "position",
     View::trajectory, false},
    {"answer_top_id", "layer rank", "1", "tokens with the largest probability at the last position",
     View::general},
    {"answer_top_probability", "layer rank", "1",
     "probability of each candidate at the last position", View::general},
    {"answer_entropy", "layer", "nats", "entropy of the distribution at the last position",
     View::trajectory},
    {"answer_kl_final_to_layer", "layer", "nats",
     "KL divergence of the model's own distribution from that at this layer, at the last position",
     View::trajectory},
    {"onset", "concept", "1",
     "first layer from which on the concept's rank at the last position stays within the limit; "
     "-1: none",
     View::table, false},
    {"control_log_probability", "control layer concept", "nats",
     "ln of the summed probability of the concept's tokens at the last position of a control",
     View::trajectory, false},
    {"control_rank", "control layer concept", "1",
     "rank of the concept's best token at the last position of a control", View::trajectory, false},
    {"control_onset", "control concept", "1", "onset of the concept in a control; -1: none",
     View::table, false},
    {"continuation_log_probability", "layer continuation", "nats",
     "sum of ln probabilities of the tokens of the text after the prompt", View::trajectory, false},
    {"continuation_share", "layer continuation", "1",
     "probability of the text among the given ones: softmax of continuation_log_probability",
     View::trajectory, false},
    {"tower_concept_log_probability", "tower_layer image_token concept", "nats",
     "ln of the summed probability of the concept's tokens, from the merger on the tower's stream",
     View::image, false},
    {"tower_concept_rank", "tower_layer image_token concept", "1",
     "rank of the concept's best token, from the merger on the tower's stream", View::image, false},
    {"tower_top_id", "tower_layer image_token rank", "1",
     "tokens with the largest probability, from the merger on the tower's stream", View::general,
     false},
    {"tower_top_probability", "tower_layer image_token rank", "1",
     "probability of each candidate, from the merger on the tower's stream", View::general, false},
    {"tower_entropy", "tower_layer image_token", "nats",
     "entropy of the distribution, from the merger on the tower's stream", View::image, false},
    {"residual", "layer image_token d_model", "1", "residual stream", View::general, false},
};

}  // namespace lensbench::vision_lens

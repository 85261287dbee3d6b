#pragma once

#include <lensbench/result_spec.hpp>

namespace lensbench::steering {

/// Variables of the results.
inline constexpr ResultSpec kSteeringTable[] = {
    {"effect", "layer alpha", "nats or 1", "metric of the steered run minus that of the base run",
     View::heatmap},
    {"control_effect", "layer alpha draw", "nats or 1",
     "the same along a random direction of equal length", View::general},
    {"largest_control_effect", "layer alpha", "nats or 1",
     "largest size of control_effect among the random directions", View::heatmap},
    {"kl", "layer alpha", "nats", "KL(base || steered) at the position of the metric",
     View::heatmap},
    {"control_kl", "layer alpha draw", "nats", "the same along a random direction of equal length",
     View::general},
    {"neutral_kl", "layer alpha", "nats",
     "mean KL(base || steered) over the tokens of the neutral text", View::heatmap},
    {"neutral_perplexity", "layer alpha", "1",
     "perplexity of the neutral text in the steered model", View::heatmap},
    {"base_neutral_perplexity", "", "1", "perplexity of the neutral text in the unchanged model",
     View::general},
    {"base_metric", "", "nats or 1", "metric of the base run", View::general},
    {"slope", "layer", "nats or 1", "d effect / d alpha at alpha 0, by gradient", View::table},
    {"linear_range", "layer", "1",
     "largest |alpha| of the grid up to which every effect is within 10 % of slope times alpha",
     View::table},
    {"direction", "layer d_model", "1", "direction that is added, taken out or set", View::general},
    {"direction_norm", "layer", "1", "length of the direction", View::table},
    {"stream_norm", "layer", "1",
     "median length of the stream over the prompt without its first token", View::table},
    {"alpha_unit", "layer", "1",
     "what alpha 1 means: the factor of the direction, or with clamp the component", View::table},
    {"steered", "token", "1", "1 where the prompt is steered", View::general},
    {"generated_id", "layer alpha step", "1", "generated tokens (-1: after the end)", View::general,
     false},
    {"generated_text", "cell", "1", "generated tokens as text", View::table, false},
    {"generated_perplexity", "layer alpha", "1",
     "perplexity of the generated tokens in the unchanged model", View::heatmap, false},
    {"target_share", "layer alpha", "1", "share of the target tokens among the generated ones",
     View::heatmap, false},
    {"distinct_2", "layer alpha", "1", "different pairs of neighbours among all generated pairs",
     View::heatmap, false},
    {"control_generated_perplexity", "layer alpha draw", "1",
     "generated_perplexity along a random direction of equal length", View::general, false},
    {"control_target_share", "layer alpha draw", "1",
     "target_share along a random direction of equal length", View::general, false},
};

}  // namespace lensbench::steering

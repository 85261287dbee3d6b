#pragma once

#include <lensbench/result_spec.hpp>

namespace lensbench::neurons {

/// Variables of the results of `sparsity`.
inline constexpr ResultSpec kSparsityResults[] = {
    {"l0", "block token", "1", "number of active neurons at each token of the prompt",
     View::heatmap},
    {"l1", "block token", "1", "sum of the sizes of all activations at each token of the prompt",
     View::heatmap},
    {"hoyer", "block token", "1",
     "how few neurons carry the activation of a token: 0 all equally, 1 one alone", View::heatmap},
    {"token_gini", "block token", "1", "Gini coefficient of the sizes over the neurons",
     View::general},
    {"token_kurtosis", "block token", "1", "excess kurtosis over the neurons", View::general},
    {"mean_l0", "block", "1", "mean number of active neurons at a token of the text", View::table},
    {"mean_l1", "block", "1", "mean sum of the sizes at a token of the text", View::table},
    {"mean_hoyer", "block", "1", "mean of hoyer over the tokens of the text", View::table},
    {"dead_share", "block", "1", "share of dead neurons", View::table},
    {"rows", "block neuron", "1",
     "number of tokens that a neuron is measured on; those routed to its expert in a mixture",
     View::general},
    {"frequency", "block neuron", "1", "share of tokens at which a neuron is active",
     View::general},
    {"positive_frequency", "block neuron", "1",
     "share of tokens at which the activation is above 0", View::general},
    {"active_above", "block neuron", "1", "size from which on a neuron counts as active",
     View::general},
    {"mean_activation", "block neuron", "1", "mean activation", View::general},
    {"rms", "block neuron", "1", "root mean square of the activation", View::general},
    {"kurtosis", "block neuron", "1",
     "excess kurtosis of the activation over tokens; large where a neuron is rarely far from its "
     "mean",
     View::bars},
    {"gini", "block neuron", "1", "Gini coefficient of the sizes over tokens", View::general},
    {"max_activation", "block neuron", "1", "largest activation", View::general},
    {"min_activation", "block neuron", "1", "smallest activation", View::general},
    {"dead", "block neuron", "1",
     "1 where no activation reaches dead_below times the root mean square of the whole block",
     View::general},
    {"activation_histogram", "block bin", "1", "number of activations in each bin", View::general},
};

}  // namespace lensbench::neurons

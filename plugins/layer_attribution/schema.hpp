#pragma once

#include <lensbench/result_spec.hpp>

namespace lensbench::attribution {

/// Variables of the results.
inline constexpr ResultSpec kResultTable[] = {
    {"target_id", "token", "1", "token whose logit is attributed", View::tokens},
    {"versus_id", "token", "1", "token whose logit is subtracted from the target's", View::tokens,
     false},
    {"target_logit", "token", "1",
     "logit of the target, or its difference to versus, before any softcap", View::tokens},
    {"final_norm_scale", "token", "1", "scale of the final norm that contributions are divided by",
     View::general},
    {"logit_contribution", "component token", "1", "direct contribution to the target logit",
     View::bars},
    {"cumulative", "component token", "1",
     "sum of the contributions up to and including this component", View::general},
    {"sum_residual", "token", "1", "sum of the contributions minus the target logit",
     View::general},
    {"layer_contribution", "layer token", "1",
     "direct contribution of a block, attention and MLP together", View::bars},
    {"accumulated", "layer token", "1",
     "logit read from the stream after this block, final norm scale frozen, biases included",
     View::trajectory},
    {"head_contribution", "layer head token", "1",
     "direct contribution of an attention head, without the output bias", View::heatmap, false},
    {"attention_bias_contribution", "layer token", "1",
     "direct contribution of the attention output bias", View::general, false},
    {"neuron_layer", "rank", "1", "block of the neuron", View::table, false},
    {"neuron_index", "rank", "1", "index of the neuron in its MLP", View::table, false},
    {"neuron_contribution", "rank", "1", "direct contribution of the neuron at the chosen position",
     View::table, false},
    {"ablation_effect", "ablation component token", "1",
     "ablated minus real target logit, read at this token", View::bars, false},
    {"head_ablation_effect", "ablation layer head token", "1",
     "ablated minus real target logit when one attention head is replaced, read at this token",
     View::heatmap, false},
    {"pearson", "ablation token", "1",
     "correlation over components of contribution with the logit lost to ablation",
     View::statistics, false},
    {"spearman", "ablation token", "1",
     "rank correlation over components of contribution with the logit lost to ablation",
     View::statistics, false},
};

}  // namespace lensbench::attribution

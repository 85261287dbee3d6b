#pragma once

#include <lensbench/result_spec.hpp>

namespace lensbench::interchange {

/// Variables of the results.
inline constexpr ResultSpec kInterchangeTable[] = {
    {"side_by_side", "layer run basis position", "1",
     "accuracy of the exchange, and next to it that of each control", View::heatmap},
    {"accuracy", "layer position basis", "1",
     "share of test pairs for which the expected token has the largest logit", View::heatmap},
    {"control_accuracy", "layer position basis control", "1",
     "accuracy of the exchange with each control", View::general},
    {"margin", "layer position basis", "1",
     "logit of the expected token minus the largest other one, mean over test pairs",
     View::heatmap},
    {"control_margin", "layer position basis control", "1",
     "margin of the exchange with each control", View::general},
    {"train_accuracy", "layer position basis", "1",
     "accuracy on the pairs to which the subspace was fitted", View::heatmap},
    {"whole_accuracy", "layer position", "1",
     "accuracy with the whole activation of the source in place of that of the base",
     View::heatmap},
    {"base_accuracy", "", "1", "accuracy without a change", View::general},
    {"training_loss", "step layer position", "nats",
     "cross-entropy of the expected token in each step of das", View::trajectory, false},
    {"basis_vectors", "layer position basis rank d_model", "1",
     "orthonormal vectors that span the subspace", View::general},
    {"answer_id", "layer position basis pair", "1",
     "token with the largest logit after the exchange; -1: not a test pair", View::general},
    {"base_answer_id", "pair", "1", "token with the largest logit without a change; -1: left out",
     View::table},
    {"expected_id", "pair", "1", "token that is the right answer", View::table},
    {"arbitrary_id", "pair", "1",
     "token that stands for it in the control arbitrary_labels; -1: not asked for", View::table},
    {"part", "pair", "1", "0: training, 1: test, -1: left out, since its prompts are on both sides",
     View::table},
};

}  // namespace lensbench::interchange

#pragma once

#include <lensbench/result_spec.hpp>

namespace lensbench::probing {

/// Variables of the results.
inline constexpr ResultSpec kResultTable[] = {
    {"held_out_accuracy", "point", "1",
     "share of examples that a probe that did not see them gets "
     "right",
     View::table},
    {"held_out_auroc", "point", "1", "area under the ROC curve of the same, within folds",
     View::table},
    {"selectivity", "point", "1",
     "accuracy minus that for a random label of each token type, mean over folds", View::table},
    {"accuracy", "point fold", "1", "share of held-out examples that are right", View::heatmap},
    {"balanced_accuracy", "point fold", "1",
     "mean over labels of the share of their examples that "
     "are right",
     View::heatmap},
    {"auroc", "point fold", "1", "area under the ROC curve of held-out examples", View::heatmap},
    {"log_loss", "point fold", "nats", "mean of -ln probability of the label of held-out examples",
     View::heatmap},
    {"*_interval", "bound point", "nats or 1",
     "bounds of a 95 % interval over groups of all held-out examples together", View::statistics},
    {"control_accuracy", "control point fold", "1", "accuracy of the controls", View::general,
     false},
    {"selected_point", "fold", "1",
     "number of the point that is best on inner splits of the other folds; -1: no inner split",
     View::table},
    {"selected_accuracy", "fold", "1", "accuracy of that point on the fold", View::table},
    {"inner_accuracy", "point fold", "1",
     "accuracy on the rows of the other folds that choose penalty and point", View::heatmap},
    {"lambda", "point fold", "1", "penalty that was chosen", View::heatmap},
    {"direction_lambda", "point", "1", "penalty of the probe of all examples", View::table},
    {"direction", "point d_model", "1",
     "unit vector toward the larger label, of a probe of all examples", View::general, false},
    {"direction_norm", "point", "1", "length of the weights of that probe", View::table, false},
    {"intercept", "point", "1",
     "score is direction_norm times direction · x plus this; above 0 is the larger label",
     View::table, false},
    {"direction_cosine", "point other_point", "1", "cosine between directions", View::heatmap,
     false},
    {"class_direction", "point class d_model", "1",
     "weights of each label, of a probe of all examples; the largest score wins", View::general,
     false},
    {"class_intercept", "point class", "1", "added to the weights times the activation",
     View::heatmap, false},
    {"score", "point example", "1", "score of each example, held out; above 0 is the larger label",
     View::general, false},
    {"predicted", "point example", "1", "number of the label predicted for it, held out; -1: none",
     View::general},
    {"label", "example", "1", "number of its label", View::table},
    {"fold_of", "example", "1", "fold in which it was held out", View::table},
    {"group", "example", "1", "its group, which is never on both sides of a split", View::table},
    {"class_count", "class", "1", "examples with the label", View::table},
    {"neuron_auroc", "block neuron", "1",
     "area under the ROC curve of each neuron alone, all examples", View::heatmap, false},
    {"neuron_effect_size", "block neuron", "1",
     "difference of means in standard deviations: of pairs d_z, else Cohen's d", View::heatmap,
     false},
};

}  // namespace lensbench::probing

#pragma once

#include <lensbench/result_spec.hpp>

namespace lensbench::dictionaries {

/// Variables of the results.
inline constexpr ResultSpec kResultTable[] = {
    {"feature_id", "token rank", "1", "most active features; -1: fewer are active", View::heatmap},
    {"feature_activation", "token rank", "1", "their activations", View::heatmap},
    {"l0", "token", "1", "features that are active", View::tokens},
    {"l1", "token", "1", "sum of all activations", View::tokens},
    {"squared_error", "token", "1", "squared distance of the activation from its reconstruction",
     View::tokens},
    {"cosine", "token", "1", "cosine between the activation and its reconstruction", View::tokens},
    {"norm_ratio", "token", "1", "length of the reconstruction over that of the activation",
     View::tokens},
    {"density", "feature", "1", "share of rows in which the feature is active", View::general},
    {"decoder_norm", "feature", "1", "length of the decoder's row", View::general},
    {"encoder_decoder_cosine", "feature", "1",
     "cosine between the encoder's column and the "
     "decoder's row",
     View::general, false},
    {"mse", "", "1", "mean squared error of a row", View::general},
    {"fvu", "", "1", "squared errors over squared distances from the mean row", View::general},
    {"explained_variance", "", "1", "1 minus fvu", View::general},
    {"mean_l0", "", "1", "mean number of active features", View::general},
    {"mean_l1", "", "1", "mean sum of activations", View::general},
    {"dead_share", "", "1", "share of features that are active in none of the rows", View::general},
    {"feature_top_id", "token rank choice", "1",
     "tokens whose logits the feature's decoder row raises most, at final scale 1; -1: fewer "
     "features are active",
     View::heatmap, false},
    {"feature_top_logit", "token rank choice", "1", "what a unit of activation adds to them",
     View::general, false},
    {"given_activation", "token given", "1", "activation of the given features; 0: not active",
     View::heatmap, false},
    {"given_top_id", "given choice", "1",
     "tokens whose logits a given feature raises most, at final scale 1", View::heatmap, false},
    {"given_top_logit", "given choice", "1", "what a unit of activation adds to them",
     View::heatmap, false},
    {"example_activation", "example_row", "1",
     "largest activations of the given features in the text; the coordinate example_text has the "
     "tokens around each",
     View::table, false},
    {"kl_with_*", "", "nats",
     "mean KL divergence of the model from itself with the activation "
     "replaced by its reconstruction, by 0, by its mean",
     View::general, false},
    {"ce_model", "", "nats", "mean -ln probability of the token that follows", View::general,
     false},
    {"ce_with_*", "", "nats", "the same with the reconstruction, and with 0", View::general, false},
    {"ce_score", "", "1", "share of the loss at 0 that the reconstruction removes", View::general,
     false},
    {"kl_score", "", "1", "share of the divergence at 0 that the reconstruction removes",
     View::general, false},
    {"kl_without_feature", "given", "nats",
     "mean KL divergence of the model from itself without a given feature", View::table, false},
    {"ce_without_feature", "given", "nats",
     "mean -ln probability of the token that follows, without a given feature", View::table, false},
    {"feature_attribution", "token rank", "nats or 1", "part of the metric of each listed feature",
     View::heatmap, false},
    {"all_features_attribution", "token", "nats or 1", "part of all features", View::tokens, false},
    {"error_attribution", "token", "nats or 1", "part of what the dictionary does not rebuild",
     View::tokens, false},
    {"bias_attribution", "token", "nats or 1", "part of biases, skips and subtracted means",
     View::tokens, false},
    {"held_out_fvu", "", "1", "fvu of the text held out of a training", View::general, false},
    {"training_mse", "step", "1", "mean squared error of the rows of a step, before the step",
     View::trajectory, false},
    {"encoder", "feature d_model", "1", "direction that each feature of a training reads",
     View::general, false},
    {"encoder_bias", "feature", "1", "added to what it reads", View::general, false},
    {"decoder", "feature d_model", "1",
     "direction that each feature writes, of length 1 after a training; left out above 16 MiB of a "
     "dictionary that is read",
     View::general, false},
    {"decoder_bias", "d_model", "1", "added to every reconstruction of a training", View::general,
     false},
};

}  // namespace lensbench::dictionaries

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
    {"listed_feature", "listed", "1", "features that feature_id has", View::table, false},
    {"feature_top_id", "listed choice", "1",
     "tokens whose logits the decoder's row raises most, at final scale 1", View::heatmap, false},
    {"feature_top_logit", "listed choice", "1", "what a unit of activation adds to them",
     View::heatmap, false},
    {"kl_with_*", "", "nats",
     "mean KL divergence of the model from itself with the activation "
     "replaced by its reconstruction, by 0, by its mean",
     View::general, false},
    {"ce_*", "", "nats or 1",
     "mean -ln probability of the token that follows: of the model, with "
     "the reconstruction, with 0; and the share of the loss that the reconstruction saves",
     View::general, false},
    {"kl_score", "", "1", "share of the divergence at 0 that the reconstruction removes",
     View::general, false},
    {"feature_attribution", "token rank", "nats or 1", "part of the metric of each listed feature",
     View::heatmap, false},
    {"all_features_attribution", "token", "nats or 1", "part of all features", View::tokens, false},
    {"error_attribution", "token", "nats or 1", "part of what the dictionary does not rebuild",
     View::tokens, false},
    {"bias_attribution", "token", "nats or 1", "part of biases, skips and subtracted means",
     View::tokens, false},
};

}  // namespace lensbench::dictionaries

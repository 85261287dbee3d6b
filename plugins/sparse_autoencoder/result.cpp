#include "result.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/full_like.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>

#include <limits>
#include <set>
#include <string>
#include <vector>

#include "feature_tokens.hpp"

namespace lensbench::dictionaries {
namespace {

void add_number(Dataset& dataset, const char* name, double value, const char* units,
                const char* meaning) {
  dataset.add(name, {}, at::scalar_tensor(value, at::kDouble), units, meaning);
}

/// A quotient; NaN where the divisor is 0.
at::Tensor quotient(const at::Tensor& a, const at::Tensor& b) {
  return at::where(b > 0, a / b, at::full_like(a, std::numeric_limits<double>::quiet_NaN()));
}

double share(double part, double whole) {
  return whole == 0 ? std::numeric_limits<double>::quiet_NaN() : part / whole;
}

}  // namespace

void add_tokens(Dataset& dataset, const Tokens& tokens, const SiteRows& rows,
                const Reconstruction& rebuilt) {
  add_token_axis(dataset, tokens.ids, tokens.texts);
  dataset.add_coordinate("rank", at::arange(1, rebuilt.ids.size(1) + 1, at::kInt),
                         "1 is the most active");
  dataset.add("feature_id", {"token", "rank"}, rebuilt.ids.to(at::kInt), "1",
              "most active features; -1: fewer are active");
  dataset.add("feature_activation", {"token", "rank"}, rebuilt.activations, "1",
              "their activations");
  dataset.set_attribute("feature_activation", "claim", "feature.activation");
  dataset.add("l0", {"token"}, rebuilt.l0.to(at::kInt), "1", "features that are active");
  dataset.add("l1", {"token"}, rebuilt.l1, "1", "sum of all activations");
  const at::Tensor x = rows.output.to(at::kDouble), found = rebuilt.output.to(at::kDouble);
  dataset.add("squared_error", {"token"}, (x - found).square().sum(1), "1",
              "squared distance of the activation from its reconstruction");
  const at::Tensor size = x.norm(2, {1}), found_size = found.norm(2, {1});
  dataset.add("cosine", {"token"}, quotient((x * found).sum(1), size * found_size), "1",
              "cosine between the activation and its reconstruction (NaN: one of them is 0)");
  dataset.add("norm_ratio", {"token"}, quotient(found_size, size), "1",
              "length of the reconstruction over that of the activation (NaN: it is 0)");
}

void add_fidelity(Dataset& dataset, const Dictionary& dictionary, const Fidelity& fidelity) {
  const DictionarySettings& settings = dictionary.settings;
  dataset.add_coordinate("feature", at::arange(settings.features, at::kInt),
                         "feature of the dictionary");
  const at::Tensor density = fidelity.density();
  dataset.add("density", {"feature"}, density, "1", "share of rows in which the feature is active");
  dataset.add("decoder_norm", {"feature"}, dictionary.decoder_norm.to(at::kDouble), "1",
              "length of the decoder's row");
  if (!settings.transcoder) {
    const at::Tensor product = (dictionary.encoder.t() * dictionary.decoder).sum(1);
    dataset.add(
        "encoder_decoder_cosine", {"feature"},
        quotient(product.to(at::kDouble),
                 (dictionary.encoder.norm(2, {0}) * dictionary.decoder_norm).to(at::kDouble)),
        "1", "cosine between the encoder's column and the decoder's row (NaN: one of them is 0)");
  }
  const double fvu = fidelity.fvu();
  add_number(dataset, "mse", fidelity.mse(), "1", "mean squared error of a row");
  add_number(dataset, "fvu", fvu, "1",
             "squared errors over squared distances from the mean row (NaN: rows do not differ)");
  add_number(dataset, "explained_variance", 1 - fvu, "1", "1 minus fvu (NaN: rows do not differ)");
  add_number(dataset, "mean_l0", fidelity.mean_l0(), "1", "mean number of active features");
  add_number(dataset, "mean_l1", fidelity.mean_l1(), "1", "mean sum of activations");
  add_number(dataset, "dead_share", density.eq(0).to(at::kDouble).mean().item<double>(), "1",
             "share of features that are active in none of the rows");
  dataset.attributes["rows"] = fidelity.rows();
}

void add_splice(Dataset& dataset, const Splice& splice) {
  const double kl = splice.kl(Splice::kSae), zero = splice.kl(Splice::kZero);
  add_number(dataset, "kl_with_sae", kl, "nats",
             "mean KL divergence of the model from itself with the reconstruction");
  add_number(dataset, "kl_with_zero", zero, "nats", "the same with 0");
  add_number(dataset, "kl_with_mean", splice.kl(Splice::kMean), "nats", "the same with the mean");
  add_number(
      dataset, "kl_score", share(zero - kl, zero), "1",
      "share of the divergence at 0 that the reconstruction removes (NaN: 0 changes nothing)");
  const double model = splice.cross_entropy(splice.model());
  const double with_sae = splice.cross_entropy(Splice::kSae);
  const double with_zero = splice.cross_entropy(Splice::kZero);
  const char* const meaning = "mean -ln probability of the token that follows (NaN: none follows)";
  add_number(dataset, "ce_model", model, "nats", meaning);
  add_number(dataset, "ce_with_sae", with_sae, "nats", meaning);
  add_number(dataset, "ce_with_zero", with_zero, "nats", meaning);
  add_number(dataset, "ce_score", share(with_zero - with_sae, with_zero - model), "1",
             "share of the loss at 0 that the reconstruction removes (NaN: 0 changes nothing)");
}

void add_attribution(Dataset& dataset, const Attribution& parts, const char* units) {
  dataset.add("feature_attribution", {"token", "rank"}, parts.listed, units,
              "part of the metric of each listed feature");
  dataset.add("all_features_attribution", {"token"}, parts.all_features, units,
              "part of all features");
  dataset.add("error_attribution", {"token"}, parts.error, units,
              "part of what the dictionary does not rebuild");
  dataset.add("bias_attribution", {"token"}, parts.bias, units,
              "part of biases, skips and subtracted means");
}

void add_feature_tokens(Dataset& dataset, const Model& model, const Dictionary& dictionary,
                        const Reconstruction& rebuilt, const SparseAutoencoderOptions& options) {
  if (options.top_tokens == 0 || !writes_to_stream(model, dictionary)) return;
  const at::Tensor ids = rebuilt.ids.contiguous();
  std::set<std::int64_t> found(ids.data_ptr<std::int64_t>(),
                               ids.data_ptr<std::int64_t>() + ids.numel());
  found.insert(options.feature.begin(), options.feature.end());
  found.insert(0);  // so that there is one
  found.erase(-1);
  const std::vector<std::int64_t> listed(found.begin(), found.end());
  const FeatureTokens tokens =
      feature_tokens(model, dictionary, at::tensor(listed, at::kLong), options.top_tokens);
  // Rows of `tokens`, by the number of a feature.
  at::Tensor places = at::zeros({dictionary.settings.features}, at::kLong);
  for (std::size_t i = 0; i < listed.size(); ++i) places[listed[i]] = static_cast<std::int64_t>(i);
  const auto rows_of = [&](const at::Tensor& values, const at::Tensor& features) {
    std::vector<std::int64_t> shape = features.sizes().vec();
    shape.push_back(values.size(1));
    return values.index_select(0, places.index_select(0, features.flatten().clamp_min(0)))
        .view(shape);
  };
  const at::Tensor inactive = (ids < 0).unsqueeze(2);
  dataset.add_coordinate("choice", at::arange(1, tokens.ids.size(1) + 1, at::kInt),
                         "1 is the largest");
  dataset.add("feature_top_id", {"token", "rank", "choice"},
              rows_of(tokens.ids, ids).masked_fill(inactive, -1), "1",
              "tokens whose logits the feature's decoder row raises most, at final scale 1; -1: "
              "fewer features are active",
              Holds::token_ids);
  dataset.add(
      "feature_top_logit", {"token", "rank", "choice"},
      rows_of(tokens.logits, ids).masked_fill(inactive, std::numeric_limits<double>::quiet_NaN()),
      "1", "what a unit of activation adds to them (NaN: fewer features are active)");
  if (options.feature.empty()) return;
  const at::Tensor given = at::tensor(options.feature, at::kLong);
  dataset.add("given_top_id", {"given", "choice"}, rows_of(tokens.ids, given), "1",
              "tokens whose logits a given feature raises most, at final scale 1",
              Holds::token_ids);
  dataset.add("given_top_logit", {"given", "choice"}, rows_of(tokens.logits, given), "1",
              "what a unit of activation adds to them");
}

void add_given(Dataset& dataset, const Reconstruction& rebuilt,
               const std::vector<std::int64_t>& features, const Splice* splice) {
  if (features.empty()) return;
  dataset.add_coordinate("given", at::tensor(features, at::kLong).to(at::kInt),
                         "feature that was asked for");
  dataset.add("given_activation", {"token", "given"}, rebuilt.given, "1",
              "activation of the given features; 0: not active");
  if (splice == nullptr) return;
  std::vector<double> kl, loss;
  kl.reserve(features.size());
  loss.reserve(features.size());
  for (std::size_t i = 0; i < features.size(); ++i) {
    kl.push_back(splice->kl(Splice::kFeatures + i));
    loss.push_back(splice->cross_entropy(Splice::kFeatures + i));
  }
  dataset.add("kl_without_feature", {"given"}, at::tensor(kl, at::kDouble), "nats",
              "mean KL divergence of the model from itself without the feature");
  dataset.add("ce_without_feature", {"given"}, at::tensor(loss, at::kDouble), "nats",
              "mean -ln probability of the token that follows, without the feature");
}

void add_decoder(Dataset& dataset, const Dictionary& dictionary) {
  dataset.add("decoder", {"feature", "d_model"}, dictionary.decoder, "1",
              "direction that each feature writes, by the width of the output");
}

void add_training(Dataset& dataset, const Trained& trained, double held_out_fvu) {
  const Dictionary& dictionary = trained.dictionary;
  dataset.add("encoder", {"feature", "d_model"}, dictionary.encoder.t().contiguous(), "1",
              "direction that each feature reads");
  dataset.add("encoder_bias", {"feature"}, dictionary.encoder_bias, "1", "added to what it reads");
  add_decoder(dataset, dictionary);
  dataset.set_attribute("decoder", "claim", "feature.direction");
  dataset.add("decoder_bias", {"d_model"}, dictionary.decoder_bias, "1",
              "added to every reconstruction, and subtracted from the rows first");
  dataset.add_coordinate("step", at::arange(trained.mse.size(0), at::kInt),
                         "step of the optimiser, from 0");
  dataset.add("training_mse", {"step"}, trained.mse, "1",
              "mean squared error of the rows of a step, before the step");
  add_number(dataset, "held_out_fvu", held_out_fvu, "1",
             "fvu of the text held out, as fvu (NaN: rows do not differ)");
  dataset.attributes["training_windows"] = trained.windows;
  dataset.attributes["training_rows"] = trained.rows;
  dataset.attributes["left_out_rows"] = trained.left_out;
  dataset.attributes["epochs"] = trained.epochs;
  dataset.attributes["input_scale"] = trained.scale;
}

}  // namespace lensbench::dictionaries

#pragma once

#include <cstdint>
#include <lensbench/target.hpp>
#include <lensbench/tool.hpp>
#include <optional>
#include <string>
#include <vector>

namespace lensbench {

/// What is measured of a dictionary.
struct SparseAutoencoderOptions {
  std::string hook = {};           ///< point that is read; empty: that of the dictionary
  std::string text = {};           ///< text that rows are measured on (`Corpus`); empty: the prompt
  std::int64_t window = 128;       ///< most tokens of a window of the text
  std::int64_t windows = 0;        ///< most windows of the text; 0: all
  std::int64_t top_features = 10;  ///< features that are listed at each token
  std::int64_t top_tokens = 5;     ///< tokens that are listed for each of these features; 0: none
  std::vector<std::int64_t> feature = {};  ///< features that are looked at closely
  std::int64_t examples = 10;              ///< tokens at which each of these is most active
  std::string center = "auto";             ///< subtract the mean over d_model: auto, true or false
  bool exclude_special = true;             ///< leave special tokens out of numbers over rows
  bool splice = false;     ///< run the model on what the dictionary makes of the activation
  bool error_term = true;  ///< take a feature out of the activation, not of its reconstruction
  bool attribute = false;  ///< parts of the features in a metric
  std::optional<Target> versus = std::nullopt;  ///< token whose logit is subtracted
  std::int64_t position = -1;  ///< position of the metric; negative ones count from the end
};

/// Training of a small dictionary, which keeps the `k` largest features of each row.
struct SparseAutoencoderTraining {
  std::string text = {};                ///< text to learn from (`Corpus`)
  std::int64_t latents = 1024;          ///< features of the dictionary
  std::int64_t k = 16;                  ///< features that are active at once
  std::int64_t steps = 1000;            ///< steps of the optimiser
  std::int64_t tokens_per_step = 4096;  ///< least tokens of the windows of a step
  double learning_rate = 0.0004;  ///< rate of Adam; it falls to 0 in the last fifth of the steps
  double auxiliary = 0.03;        ///< weight of the loss that revives features; 0: none
  double held_out = 0.05;         ///< share of the documents that the result is measured on
};

/// Reads activations through a sparse autoencoder or transcoder that SAELens 6 saved, or that was
/// trained here (Gao et al. 2024, "Scaling and evaluating sparse autoencoders", arXiv:2406.04093).
class LENSBENCH_API SparseAutoencoder : public Tool {
 public:
  /// Version of this interface; raised with every change of this header but its comments.
  static constexpr const char* kInterfaceVersion = "1";

  /// Features of a prompt, and how well they reconstruct the activation.
  ///
  /// - `feature_id` int32, `feature_activation` [token, rank]; -1 and 0 where fewer are active
  /// - `l0`, `l1`, `squared_error`, `cosine`, `norm_ratio` [token]; `density`, `decoder_norm`,
  ///   `encoder_decoder_cosine` [feature]; `mse`, `fvu`, `explained_variance`, `mean_l0`,
  ///   `mean_l1`, `dead_share`
  /// - `feature_top_id`, `feature_top_logit` [token, rank, choice]
  /// - with `feature`: `given_activation` [token, given], `given_top_id`, `given_top_logit` [given,
  ///   choice], `example_activation` [example_row]
  /// - with `splice`: `kl_with_sae`, `kl_with_zero`, `kl_with_mean`, `ce_model`, `ce_with_sae`,
  ///   `ce_with_zero` (nats), `kl_score`, `ce_score`; with `feature` also `kl_without_feature`,
  ///   `ce_without_feature` [given]
  /// - with `attribute`: `feature_attribution` [token, rank], `all_features_attribution`,
  ///   `error_attribution`, `bias_attribution` [token]
  /// \param tokens   the prompt
  /// \param sae      folder with `cfg.json` and `sae_weights.safetensors`, or
  ///   `ARCHIVE.h5:results/NAME` of a training
  /// \param target   token of the metric
  /// \param options  what is measured
  /// \throws InputError for a dictionary that cannot be read or does not fit the model
  /// \throws UsageError for a point that does not exist and for options that contradict each other
  virtual Dataset read(const Tokens& tokens, const std::string& sae, const Target& target,
                       const SparseAutoencoderOptions& options = {}) = 0;

  /// Trains a dictionary on the activations of a text at `options.hook`, measures it on the
  /// documents held out, and reads a prompt through it. An interrupted training of the same case
  /// goes on after its last state.
  ///
  /// Adds `encoder`, `decoder` [feature, d_model], `encoder_bias` [feature], `decoder_bias`
  /// [d_model], `training_mse` [step] and `held_out_fvu`. Numbers over rows are those of the text
  /// held out.
  /// \param tokens    the prompt
  /// \param training  text and optimiser
  /// \param target    token of the metric
  /// \param options   what is measured; `text` and `windows` are not used
  /// \throws UsageError for options out of range, or a text without documents for both parts
  virtual Dataset train(const Tokens& tokens, const SparseAutoencoderTraining& training,
                        const Target& target, const SparseAutoencoderOptions& options = {}) = 0;
};

}  // namespace lensbench

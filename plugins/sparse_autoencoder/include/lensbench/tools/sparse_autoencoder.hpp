#pragma once

#include <cstdint>
#include <lensbench/target.hpp>
#include <lensbench/tool.hpp>
#include <optional>
#include <string>

namespace lensbench {

/// What is measured of a dictionary.
struct SparseAutoencoderOptions {
  std::string hook;           ///< point that is read; empty: that of the dictionary
  std::string text;           ///< text that numbers over rows are measured on; empty: the prompt
  std::int64_t window = 128;  ///< most tokens of a window of the text
  std::int64_t windows = 0;   ///< most windows of the text; 0: all
  std::int64_t top_features = 10;  ///< features that are listed at each token
  std::int64_t top_tokens = 5;     ///< tokens that are listed for each of these features; 0: none
  std::string center = "auto";     ///< subtract the mean over d_model: auto, true or false
  bool exclude_special = true;     ///< leave special tokens out of numbers over rows
  bool splice = false;             ///< run the model on what the dictionary makes of the activation
  bool attribute = false;          ///< parts of the features in a metric
  std::optional<Target> versus = std::nullopt;  ///< token whose logit is subtracted
  std::int64_t position = -1;                   ///< of the metric; negative ones count from the end
};

/// Reads activations through a sparse autoencoder or transcoder that SAELens 6 saved.
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
  /// - `listed_feature` [listed], `feature_top_id`, `feature_top_logit` [listed, choice]
  /// - with `splice`: `kl_with_sae`, `kl_with_zero`, `kl_with_mean`, `ce_model`, `ce_with_sae`,
  ///   `ce_with_zero` (nats), `kl_score`, `ce_score`
  /// - with `attribute`: `feature_attribution` [token, rank], `all_features_attribution`,
  ///   `error_attribution`, `bias_attribution` [token]
  /// \param tokens   the prompt
  /// \param folder   folder with `cfg.json` and `sae_weights.safetensors`
  /// \param target   token of the metric
  /// \param options  what is measured
  /// \throws InputError for a dictionary that cannot be read or does not fit the model
  /// \throws UsageError for a point that does not exist and for options that contradict each other
  virtual Dataset read(const Tokens& tokens, const std::string& folder, const Target& target,
                       const SparseAutoencoderOptions& options = {}) = 0;
};

}  // namespace lensbench

#pragma once

#include <cstdint>
#include <lensbench/tool.hpp>
#include <string>

namespace lensbench {

/// Gradients that are shortened together if they are too long.
enum class ClipOver {
  layer,  ///< those of each layer, so that one bad layer does not slow the others
  all,    ///< those of all layers, as the Python library does
};

/// Training of a tuned lens.
struct TunedLensTraining {
  std::string text = {};                 ///< text to learn from (`Corpus`)
  std::int64_t window = 256;             ///< most tokens of a window of the text
  std::int64_t steps = 250;              ///< steps of the optimiser
  std::int64_t tokens_per_step = 4096;   ///< least tokens of the windows of a step
  std::int64_t rows_per_window = 0;      ///< most positions of a window, drawn at random; 0: all
  double learning_rate = 1.0;            ///< factor on the step size
  double momentum = 0.9;                 ///< share of the last step that is kept
  double weight_decay = 0.001;           ///< pull of the translators toward the identity
  double clip = 1.0;                     ///< longest gradient; 0: any length
  ClipOver clip_over = ClipOver::layer;  ///< gradients that are shortened together
  double held_out = 0.05;                ///< share of the documents to measure the lens on
  bool bias_only = false;                ///< train the biases alone
};

/// Options of one reading.
struct TunedLensOptions {
  std::int64_t top_k = 10;         ///< candidates for each layer and token
  Target target = Target::next();  ///< token whose probability and rank are reported
  bool compare = true;             ///< also read the logit lens
};

/// Tuned lens (Belrose et al. 2023): the prediction of the model at each layer, read through an
/// affine map that was trained to end in the model's own prediction.
class LENSBENCH_API TunedLens : public Tool {
 public:
  /// Version of this interface; raised with every change of this header but its comments.
  static constexpr const char* kInterfaceVersion = "1";

  /// Reads a prompt through a lens. The variables have the names that `LogitLens::analyze` gives
  /// them; those of the logit lens itself (`compare`) begin with `logit_lens_`.
  /// \param tokens   the prompt
  /// \param lens     `ARCHIVE.h5:results/NAME`, or a folder with `config.json` and
  ///   `params.safetensors` as the Python library saves it
  /// \param options  what to report
  /// \throws UsageError for an empty prompt, top_k outside 1..vocabulary, or a lens that is worse
  ///   than the logit lens at most layers
  /// \throws InputError for a file that is not a lens of this model
  virtual Dataset read(const Tokens& tokens, const std::string& lens,
                       const TunedLensOptions& options = {}) = 0;

  /// Trains a lens on a text, measures it on the documents held out, and reads a prompt through it.
  /// An interrupted training of the same case goes on after its last state.
  ///
  /// - `translator_weight` [layer, model_out, model_in], `translator_bias` [layer, model_out]: the
  ///   stream h of layer l becomes h + weight · h + bias; 0 at the last layer.
  /// - `training_kl` [step, layer], nats: mean divergence over the rows of a step, before it.
  /// - `held_out_kl`, `held_out_kl_logit_lens`, `held_out_cross_entropy`, `marginal_kl` [layer].
  /// \param tokens    the prompt
  /// \param training  text and optimiser
  /// \param options   what to report of the prompt
  /// \throws UsageError for options out of range, or a text without documents for both parts
  virtual Dataset train(const Tokens& tokens, const TunedLensTraining& training,
                        const TunedLensOptions& options = {}) = 0;
};

}  // namespace lensbench

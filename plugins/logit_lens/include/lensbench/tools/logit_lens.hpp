#pragma once

#include <cstdint>
#include <lensbench/tool.hpp>
#include <string>
#include <vector>

namespace lensbench {

/// Options of one lens reading.
struct LogitLensOptions {
  std::int64_t top_k = 10;         ///< candidates a layer and token
  Target target = Target::next();  ///< whose probability and rank are followed
  /// `resid_post` (axis 0..n_layers, the embedding first); `resid_pre`, `resid_mid`, `attn_out`,
  /// `mlp_out` (axis 0..n_layers-1).
  std::vector<std::string> points = {"resid_post"};
  bool norm = true;       ///< apply the model's final norm, statistics recomputed on each residual
  std::string mask = {};  ///< mask token of a masked-language model; empty: the tokenizer's
};

/// How `LogitLens::at_layer` gets from a residual to a prediction.
enum class LensPath {
  direct,    ///< final norm and unembedding at once
  indirect,  ///< the residual is run through the remaining blocks first
};

/// The logit lens (nostalgebraist 2020): what the model would predict if it stopped at each layer.
/// Streams over the vocabulary: memory does not grow with layers x positions x vocabulary.
class LENSBENCH_API LogitLens : public Tool {
 public:
  /// Every layer and position.
  ///
  /// - `top_id`, `top_probability`, `top_logit` [layer, token, rank]: best first, ties by smaller
  /// id.
  /// - `entropy` [layer, token], nats.
  /// - `kl_final_to_layer` [layer, token], nats: from the model's own distribution, norm or not.
  /// - `cross_entropy` [layer, token], nats: scores the token that follows; NaN at the last.
  /// - `target_id` [token]: for `next`, the model's own choice at the last position.
  /// - `target_probability`, `target_log_probability`, `target_logit` [layer, token].
  /// - `target_rank` [layer, token]: 1 + tokens with a strictly larger logit.
  /// - `settled_layer` [token]: first layer from which the model's prediction stays first; -1:
  /// never.
  /// - `leaves_top` [layer, token]: 1 where it was first a layer before and is not here.
  ///
  /// These are for `resid_post`; `layer` runs from 0 (embedding) to n_layers. Other points add the
  /// same variables but the last two with the point's name in front (`attn_out_entropy`) on the
  /// dimension `block`, 0 to n_layers - 1. With `norm` and `resid_post` a receipt compares the last
  /// layer with the model's own logits.
  ///
  /// A masked-language model predicts its masked positions: there is `masked` [token], 1 at mask
  /// tokens; the target (`next` means `model`) is scored there alone, -1 or NaN elsewhere, unless
  /// the prompt has no mask token; there is no `cross_entropy`. The lens is the model's own
  /// prediction head, and the stream is read behind the norm that ends each block.
  /// \throws UsageError for an empty prompt, top_k outside 1..vocabulary, a point this family lacks
  virtual Dataset analyze(const Tokens& tokens, const LogitLensOptions& options = {}) = 0;

  /// One layer and one target at every position: `probability`, `logit`, `rank`, `target_id`
  /// [token].
  /// \param tokens  the prompt
  /// \param layer   0 (embedding) to n_layers
  /// \param target  whose probability
  /// \param path    how the residual becomes a prediction
  virtual Dataset at_layer(const Tokens& tokens, std::int64_t layer, const Target& target,
                           LensPath path = LensPath::direct) = 0;

  /// Logit of a target at each layer at one position: `target_logit` [layer], `target_id` [].
  /// \param tokens    the prompt
  /// \param target    whose logit
  /// \param position  negative counts from the end
  virtual Dataset layer_logits(const Tokens& tokens, const Target& target,
                               std::int64_t position = -1) = 0;
};

}  // namespace lensbench

#pragma once

#include <cstdint>
#include <lensbench/tool.hpp>
#include <string>
#include <vector>

namespace lensbench {

/// Options of one lens reading.
struct LogitLensOptions {
  std::int64_t top_k = 10;         ///< candidates for each layer and token
  Target target = Target::next();  ///< token whose probability and rank are reported
  /// Points to decode: `resid_post` (layers 0 to n_layers; layer 0 is the embedding), `resid_pre`,
  /// `resid_mid`, `attn_out`, `mlp_out` (blocks 0 to n_layers - 1).
  std::vector<std::string> points = {"resid_post"};
  bool norm = true;       ///< apply the model's final norm with the statistics of each residual
  std::string mask = {};  ///< mask token of a masked-language model; empty: the tokenizer's
};

/// Path of `LogitLens::at_layer` from a residual to a prediction.
enum class LensPath {
  direct,    ///< final norm and unembedding, directly
  indirect,  ///< the remaining blocks first, then final norm and unembedding
};

/// Logit lens (nostalgebraist 2020): the prediction of the model if it ended at each layer.
/// Streams over the vocabulary: memory does not grow with layers x positions x vocabulary.
class LENSBENCH_API LogitLens : public Tool {
 public:
  /// Version of this interface; raised with every change of this header but its comments.
  static constexpr const char* kInterfaceVersion = "1";

  /// Decodes every layer and position.
  ///
  /// - `top_id`, `top_probability`, `top_logit` [layer, token, rank]: best first, ties by smaller
  /// id.
  /// - `entropy` [layer, token], nats: entropy of the distribution.
  /// - `kl_final_to_layer` [layer, token], nats: KL(model's own distribution || this layer).
  /// - `cross_entropy` [layer, token], nats: for the token that follows; NaN at the last.
  /// - `target_id` [token]: with `next`, the model's own choice at the last position.
  /// - `target_probability`, `target_log_probability`, `target_logit` [layer, token].
  /// - `target_rank` [layer, token]: 1 + tokens with a strictly larger logit.
  /// - `settled_layer` [token]: first layer from which on the model's prediction has rank 1; -1:
  ///   none.
  /// - `leaves_top` [layer, token]: 1 where the prediction has lost the rank 1 that it had a layer
  ///   before.
  ///
  /// These variables belong to `resid_post`, with `layer` from 0 (embedding) to n_layers. Other
  /// points add the same variables except the last two, prefixed with the point's name
  /// (`attn_out_entropy`), on the dimension `block`, 0 to n_layers - 1. With `norm` and
  /// `resid_post` a receipt compares the last layer with the model's own logits.
  ///
  /// A masked-language model predicts its masked positions. `masked` [token] is 1 at mask tokens;
  /// the target (`next` means `model`) is scored only there, with -1 or NaN elsewhere, unless the
  /// prompt lacks a mask token; `cross_entropy` is left out. The lens is the model's own prediction
  /// head, and the stream is read after the norm that ends each block.
  /// Attributes: the options by their names.
  /// \throws UsageError for an empty prompt, top_k outside 1..vocabulary, a point this family lacks
  virtual Dataset analyze(const Tokens& tokens, const LogitLensOptions& options = {}) = 0;

  /// Scores one target at one layer and every position: `probability`, `logit`, `rank`, `target_id`
  /// [token].
  /// \param tokens  the prompt
  /// \param layer   0 (embedding) to n_layers
  /// \param target  token to score
  /// \param path    path from the residual to a prediction
  virtual Dataset at_layer(const Tokens& tokens, std::int64_t layer, const Target& target,
                           LensPath path = LensPath::direct) = 0;

  /// Logit of a target at one position and each layer: `target_logit` [layer], `target_id` [].
  /// \param tokens    the prompt
  /// \param target    token to score
  /// \param position  position in the prompt; negative ones count from the end
  virtual Dataset layer_logits(const Tokens& tokens, const Target& target,
                               std::int64_t position = -1) = 0;
};

}  // namespace lensbench

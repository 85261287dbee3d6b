#pragma once

#include <cstdint>
#include <lensbench/tool.hpp>
#include <string>
#include <vector>

namespace lensbench {

/// Options of one lens reading.
struct LogitLensOptions {
  std::int64_t top_k = 10;
  Target target = Target::next();
  /// `resid_post` (axis 0..n_layers, the embedding first); `resid_pre`, `resid_mid`, `attn_out`,
  /// `mlp_out` (axis 0..n_layers-1).
  std::vector<std::string> points = {"resid_post"};
  bool norm = true;  ///< apply the model's final norm, statistics recomputed on each residual
};

/// How `LogitLens::at_layer` gets from a residual to a prediction.
enum class LensPath {
  direct,    ///< final norm and unembedding at once
  indirect,  ///< the residual is run through the remaining blocks first
};

/// The logit lens (nostalgebraist 2020): what the model would predict if it stopped at each layer.
/// Streams over the vocabulary.
class LENSBENCH_API LogitLens : public Tool {
 public:
  /// Every layer and position. Variables as in the archive contract: `top_id`, `top_probability`,
  /// `top_logit` [layer, token, rank]; `entropy`, `kl_final_to_layer`, `cross_entropy`,
  /// `target_probability`, `target_log_probability`, `target_rank`, `target_logit` [layer, token];
  /// `target_id`, `settled_layer` [token]; `leaves_top` [layer, token]. Other points than
  /// `resid_post` add variables with the point's name in front.
  virtual Dataset analyze(const Tokens& tokens, const LogitLensOptions& options = {}) = 0;

  /// One layer and one target at every position: `probability`, `logit`, `rank` [token].
  /// \param layer  0 (embedding) to n_layers
  virtual Dataset at_layer(const Tokens& tokens, std::int64_t layer, const Target& target,
                           LensPath path = LensPath::direct) = 0;

  /// Logit of a target at each layer at one position: `target_logit` [layer].
  /// \param position  negative counts from the end
  virtual Dataset layer_logits(const Tokens& tokens, const Target& target,
                               std::int64_t position = -1) = 0;
};

}  // namespace lensbench

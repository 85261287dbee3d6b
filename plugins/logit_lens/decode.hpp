#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/dataset.hpp>
#include <lensbench/readout.hpp>
#include <lensbench/target.hpp>
#include <lensbench/tokens.hpp>
#include <lensbench/tool.hpp>
#include <string>
#include <vector>

namespace lensbench::lens {

/// Residuals of one kind of point, by layer.
struct Residuals {
  std::string point;               ///< `resid_post`, `attn_out`
  std::vector<at::Tensor> layers;  ///< each [pos, d_model]
};

/// Reads residuals. \throws UsageError for a point that is unknown or that this family lacks
std::vector<Residuals> read_residuals(Context& context, const Tokens& tokens,
                                      const std::vector<std::string>& points);

/// The residual after the last block, [pos, d_model].
at::Tensor final_residual(Context& context, const Tokens& tokens);

/// Residuals to decode and targets to score; positions are rows.
struct Question {
  const Model* model = nullptr;
  std::vector<at::Tensor> layers;  ///< each [pos, d_model]
  at::Tensor final_residual;       ///< [pos, d_model], for the model's own prediction
  bool norm = true;                ///< apply the final norm to `layers`
  std::int64_t top_k = 0;
  Target target;
  at::Tensor next_ids;        ///< [pos] int64 token that follows; -1: none
  bool distributions = true;  ///< compute entropy, divergence and cross-entropy
};

struct Answer {
  Readout readout;  ///< [layer, pos] of the question's layers
  /// [layer, pos] float32, nats; NaN where no token follows; undefined in a masked-language model
  at::Tensor cross_entropy;
  at::Tensor predicted_ids;  ///< [pos] the model's own choice
};

/// Decodes in blocks of positions, so that normalised copies need only bounded memory.
Answer decode(const Question& question);

/// Receipt that compares the lens with the logits of a forward at up to eight positions: largest
/// difference of listed, target and log-sum-exp logits, relative to the largest logit or sum of
/// absolute products of a listed one. The forward runs the last block again, and unembeds one
/// position at a time.
/// \param before_last  [pos, d_model] stream after all blocks but the last; undefined: the forward
///   runs from the tokens
/// \param readout      readout whose last layer is the model's final one
Receipt last_layer_receipt(const Model& model, const Tokens& tokens, const at::Tensor& before_last,
                           const Readout& readout);

/// Ids of the token that follows each position; -1 at the last.
at::Tensor next_ids(const Tokens& tokens);

}  // namespace lensbench::lens

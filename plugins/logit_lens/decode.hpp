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

/// The residuals of one kind of point, layer by layer.
struct Residuals {
  std::string point;               ///< `resid_post`, `attn_out`
  std::vector<at::Tensor> layers;  ///< each [pos, d_model]
};

/// \throws UsageError for a point that is not one of the five, or that this family does not have
std::vector<Residuals> read_residuals(Context& context, const Tokens& tokens,
                                      const std::vector<std::string>& points);

/// The residual after the last block, [pos, d_model].
at::Tensor final_residual(Context& context, const Tokens& tokens);

/// What to decode and score; positions are rows.
struct Question {
  const Model* model = nullptr;
  std::vector<at::Tensor> layers;  ///< each [pos, d_model]
  at::Tensor final_residual;       ///< [pos, d_model]: gives the model's own prediction
  bool norm = true;                ///< apply the final norm to `layers`
  std::int64_t top_k = 0;
  Target target;
  at::Tensor next_ids;        ///< [pos] int64 token that follows; -1: none
  bool distributions = true;  ///< entropy, divergence and cross-entropy
};

struct Answer {
  Readout readout;  ///< [layer, pos] of the question's layers
  /// [layer, pos] float32, nats; NaN where no token follows; undefined in a masked-language model
  at::Tensor cross_entropy;
  at::Tensor predicted_ids;  ///< [pos] the model's own choice
};

/// Decodes in blocks of positions, so that the normalised copies stay within a fixed scratch.
Answer decode(const Question& question);

/// The lens against the model's own unembedding of the final residual at up to eight positions:
/// largest difference of a listed, target or log-sum-exp logit, over the largest logit.
/// \param readout  whose last layer is the model's final one
Receipt last_layer_receipt(const Model& model, const at::Tensor& final_residual,
                           const Readout& readout);

/// Ids that follow each position; -1 at the last.
at::Tensor next_ids(const Tokens& tokens);

}  // namespace lensbench::lens

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

/// Checks the points to decode, before a prompt is read.
/// \throws UsageError for an empty list, an unknown point and one that is listed twice
void check_points(const std::vector<std::string>& points);

/// Reads residuals. \throws UsageError for a point that is unknown or that this family lacks
std::vector<Residuals> read_residuals(Context& context, const Tokens& tokens,
                                      const std::vector<std::string>& points);

/// The residual after the last block, [pos, d_model].
at::Tensor final_residual(Context& context, const Tokens& tokens);

/// Residuals to decode and targets to score; positions are rows. Several prompts are one question,
/// with the positions of one after those of another.
struct Question {
  const Model* model = nullptr;
  std::vector<at::Tensor> layers;  ///< each [pos, d_model]
  at::Tensor final_residual;       ///< [pos, d_model], for the model's own prediction
  bool norm = true;                ///< apply the final norm to `layers`
  std::int64_t top_k = 0;
  at::Tensor next_ids;  ///< [pos] int64 token that follows; -1: none
  /// [pos] int64 token to score; -1, or undefined: the model's own choice at that position
  at::Tensor target_ids = {};
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

/// Positions [first, first + count) of an answer.
Answer positions_of(const Answer& answer, std::int64_t first, std::int64_t count);

/// Token to score at each position, as in `Question::target_ids`.
at::Tensor asked_ids(const Target& target, const at::Tensor& next_ids);

/// Ids of the token that follows each position; -1 at the last.
at::Tensor next_ids(const Tokens& tokens);

}  // namespace lensbench::lens

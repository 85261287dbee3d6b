#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/gradients.hpp>
#include <lensbench/metric.hpp>
#include <string>
#include <vector>

#include "common/routing_jumps.hpp"

namespace lensbench::inputs {

/// Runs of a prompt whose input, the embeddings or the stream at a depth, is given.
class InputRuns {
 public:
  /// \param layer  0: embeddings; else the stream after this many blocks
  InputRuns(const Model& model, const Tokens& tokens, std::int64_t layer)
      : model_(model), tokens_(tokens), layer_(layer) {}

  /// Hook point of the input.
  std::string input_hook() const;
  /// Input of the prompt, [token, width].
  at::Tensor input() const { return read(input_hook(), {}); }
  /// Input of the run in which these embeddings replace those of the prompt. \param rows  [token or
  /// 1, d_embedding]
  at::Tensor input_of_embeddings(const at::Tensor& rows) const;
  /// Stream that enters block `layer` in that run: what occlusion puts in place of a token.
  at::Tensor stream_of_embeddings(const at::Tensor& rows) const;
  /// Last stream [token, d_model] with this input.
  at::Tensor last_stream(const at::Tensor& input) const;

  /// What runs with several inputs give.
  struct Points {
    at::Tensor gradients;   ///< [row, token, width] of the metric by the inputs, one metric a row
    at::Tensor values;      ///< [row] float64, the metrics
    ChosenExperts experts;  ///< of the tokens that the metric sees, in a mixture
  };
  /// \param inputs  [row, token, width]
  Points points(const MetricReader& reader, const at::Tensor& inputs) const;
  /// The gradients of `points`.
  at::Tensor gradients(const MetricReader& reader, const at::Tensor& inputs) const {
    return points(reader, inputs).gradients;
  }
  /// Attention patterns and the gradients of the metric by them, [head, query, key] a block.
  struct Pattern {
    at::Tensor pattern, gradient;
  };
  std::vector<Pattern> patterns(const MetricReader& reader) const;

  /// Inputs that may be differentiated together within a number of bytes.
  std::int64_t rows_within(std::int64_t bytes) const;
  /// Estimated bytes of the graph of one input.
  double graph_bytes() const;

 private:
  at::Tensor read(const std::string& hook, const Hooks& hooks) const;
  TokenBatch batch(std::int64_t rows) const;

  const Model& model_;
  const Tokens& tokens_;
  std::int64_t layer_;
};

/// Mean over the vocabulary of `hook_embed`, [1, d_embedding] float64.
at::Tensor mean_embedding(const Model& model);
/// `hook_embed` of tokens, [token, d_embedding].
at::Tensor embeddings_of(const Model& model, const std::vector<std::int64_t>& ids);

}  // namespace lensbench::inputs

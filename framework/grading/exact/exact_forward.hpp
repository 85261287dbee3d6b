#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <vector>

#include "grading/exact/exact_model.hpp"

namespace lensbench::grading {

/// What reads the stream: queries, keys or values of one head, the MLP of a block, or the final
/// norm.
enum class Slot { none, q, k, v, in, logits };

/// One reader of the stream.
struct Reader {
  Slot slot = Slot::none;
  std::int64_t layer = 0;  ///< block of the reader
  std::int64_t head = -1;  ///< head for q, k and v
  bool operator==(const Reader&) const = default;
};

/// Activations of one forward.
struct ExactRun {
  std::vector<at::Tensor> streams;   ///< n_layers + 1 of [prompt, pos, d_model]
  std::vector<at::Tensor> middles;   ///< a block: the stream between attention and MLP
  std::vector<at::Tensor> heads;     ///< a block: [prompt, pos, head, d_model], without output bias
  std::vector<at::Tensor> patterns;  ///< a block: [prompt, head, query, key]
  std::vector<at::Tensor> neurons;   ///< a block: [prompt, pos, neuron]
  std::vector<at::Tensor> mlps;      ///< a block: [prompt, pos, d_model], with output bias
  at::Tensor logits;                 ///< [prompt, vocab] at the asked position
};

/// Runs prompts of equal length in float64.
/// \param ids        [prompt, pos] int64
/// \param positions  [prompt] int64, where logits are read
ExactRun run_exact(const ExactModel& model, const at::Tensor& ids, const at::Tensor& positions);

/// The same where readers see the stream with a difference [prompt, pos, d_model] of their own
/// added; an undefined one is none. What has been written so far in this run is given, too.
ExactRun run_with(const ExactModel& model, const at::Tensor& ids, const at::Tensor& positions,
                  const std::function<at::Tensor(const Reader&, const ExactRun&)>& difference);

/// Where a forward starts: at the input of a block, or between its attention and its MLP.
/// Layer n_layers is the input of the final norm.
struct Start {
  std::int64_t layer = 0;
  bool after_attention = false;
};

/// Logits [row, vocab] at `positions` [row] of streams [row, pos, d_model] from a start on. Every
/// change of an output is a change of the stream that it is added to, so that this computes
/// everything after it. The reader, if there is one, alone reads the stream with `difference`
/// [row, pos, d_model] added before its norm.
at::Tensor logits_from(const ExactModel& model, const Start& start, const at::Tensor& streams,
                       const at::Tensor& positions, const Reader& reader = {},
                       const at::Tensor& difference = {});

/// Logits [prompt, vocab] of the stream [prompt, d_model] at the end by the final norm and the
/// unembedding.
at::Tensor read_out(const ExactModel& model, const at::Tensor& stream);

/// Logits [prompt, vocab] that `read_out` gives for the stream before a block (n_layers: at the
/// end). BERT's head reads what the norm of the block gives, since that is what is called the
/// stream there.
at::Tensor read_out_at(const ExactModel& model, std::int64_t layer, const at::Tensor& stream);

/// Part of the final norm that is linear once its scale is fixed: what `write` [prompt, d_model]
/// contributes to the normalised stream [prompt, d_model] of a run.
at::Tensor frozen_norm(const ExactModel& model, const at::Tensor& stream, const at::Tensor& write);

/// Rows [prompt, …] of a tensor [prompt, pos, …] at one position of each prompt.
at::Tensor rows_at(const at::Tensor& values, const at::Tensor& positions);

}  // namespace lensbench::grading

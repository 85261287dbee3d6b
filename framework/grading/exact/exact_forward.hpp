#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "grading/exact/exact_model.hpp"

namespace lensbench::grading {

/// What reads the stream: queries, keys or values of one head, the MLP of a block, or the final
/// norm.
enum class Slot { q, k, v, in, logits };

/// One reader of the stream.
struct Reader {
  std::int64_t layer = 0;  ///< block; n_layers for the final norm
  std::int64_t head = -1;  ///< head for q, k and v
  Slot slot = Slot::in;
};

/// Changes to make while a forward runs. Each function gets a tensor that it may replace; an empty
/// one changes nothing.
struct Changes {
  using Edit = std::function<void(std::int64_t layer, at::Tensor&)>;
  Edit stream;   ///< [prompt, pos, d_model] input of a block, and of the final norm at n_layers
  Edit heads;    ///< [prompt, pos, head, d_model] outputs of the heads, without the output bias
  Edit mlp;      ///< [prompt, pos, d_model] output of the MLP, with its bias
  Edit neurons;  ///< [prompt, pos, neuron] what the neurons write their output weights with
  /// Reader whose input alone has `difference` [prompt, pos, d_model] added before the norm.
  std::optional<Reader> reader;
  at::Tensor difference;
};

/// Activations of one forward.
struct ExactRun {
  at::Tensor embedding;              ///< [prompt, pos, d_model] input of the first block
  std::vector<at::Tensor> streams;   ///< n_layers + 1 of [prompt, pos, d_model]
  std::vector<at::Tensor> heads;     ///< a block: [prompt, pos, head, d_model]
  std::vector<at::Tensor> patterns;  ///< a block: [prompt, head, query, key]
  std::vector<at::Tensor> neurons;   ///< a block: [prompt, pos, neuron]
  std::vector<at::Tensor> mlps;      ///< a block: [prompt, pos, d_model]
  at::Tensor logits;                 ///< [prompt, vocab] at the asked position
};

/// Runs prompts of equal length in float64.
/// \param ids        [prompt, pos] int64
/// \param positions  [prompt] int64, where logits are read
ExactRun run_exact(const ExactModel& model, const at::Tensor& ids, const at::Tensor& positions,
                   const Changes& changes = {});

/// Only the logits of `run_exact`.
at::Tensor exact_logits(const ExactModel& model, const at::Tensor& ids, const at::Tensor& positions,
                        const Changes& changes);

/// Logits [prompt, vocab] of a stream [prompt, d_model] by the final norm and the unembedding.
at::Tensor read_out(const ExactModel& model, const at::Tensor& stream);

/// Part of the final norm that is linear once its scale is fixed: what `write` [prompt, d_model]
/// contributes to the normalised stream [prompt, d_model] of a run.
at::Tensor frozen_norm(const ExactModel& model, const at::Tensor& stream, const at::Tensor& write);

/// Rows [prompt, …] of a tensor [prompt, pos, …] at one position of each prompt.
at::Tensor rows_at(const at::Tensor& values, const at::Tensor& positions);

}  // namespace lensbench::grading

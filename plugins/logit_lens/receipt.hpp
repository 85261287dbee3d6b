#pragma once

#include <ATen/core/Tensor.h>

#include <lensbench/dataset.hpp>
#include <lensbench/model.hpp>
#include <lensbench/readout.hpp>
#include <lensbench/tokens.hpp>
#include <vector>

namespace lensbench::lens {

/// What the lens read from a prompt.
struct PromptReadout {
  const Tokens& tokens;
  /// [pos, d_model] stream after all blocks but the last; undefined: the forward of the receipt
  /// runs from the tokens
  at::Tensor before_last;
  const Readout& readout;  ///< its last layer is the model's final one
};

/// Receipts that compare the lens with the logits of a forward of all prompts at up to eight
/// positions each: largest difference of listed, target and log-sum-exp logits, relative to the
/// largest logit or sum of absolute products of a listed one. The forward runs the last block
/// again.
std::vector<Receipt> last_layer_receipts(const Model& model,
                                         const std::vector<PromptReadout>& prompts);

}  // namespace lensbench::lens

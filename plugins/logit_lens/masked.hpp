#pragma once

#include <ATen/core/Tensor.h>

#include <lensbench/model.hpp>
#include <lensbench/target.hpp>
#include <lensbench/tokens.hpp>
#include <string>

#include "decode.hpp"

namespace lensbench::lens {

/// Positions that a masked-language model predicts: [pos] bool, true at mask tokens.
/// \param mask  an id, or the text of one token; empty: the tokenizer's `[MASK]` or `<mask>`
/// \return undefined for a causal model
/// \throws UsageError for a mask that is not a token, or a mask for a causal model
at::Tensor masked_positions(const Model& model, const Tokens& tokens, const std::string& mask);

/// Target for a masked-language model, where `next` means the model's own prediction.
Target meant_target(const Model& model, const Target& target);

/// Clears the target's values at positions that are not masked: id and rank -1, the others NaN. A
/// prompt without a mask token keeps them everywhere.
void keep_masked(Answer& answer, const at::Tensor& masked);

}  // namespace lensbench::lens

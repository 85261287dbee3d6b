#pragma once

#include <ATen/core/Tensor.h>

#include <lensbench/model.hpp>
#include <lensbench/target.hpp>
#include <lensbench/tokens.hpp>
#include <string>

#include "decode.hpp"

namespace lensbench::lens {

/// Which positions a masked-language model is asked about: [pos] bool, true at mask tokens.
/// \param mask  an id, or the text of one token; empty: the tokenizer's `[MASK]` or `<mask>`
/// \return undefined for a causal model
/// \throws UsageError for a mask that is no token, or that a causal model was given
at::Tensor masked_positions(const Model& model, const Tokens& tokens, const std::string& mask);

/// In a masked-language model no token follows: `next` asks for the model's own prediction.
Target meant_target(const Model& model, const Target& target);

/// Leaves the target's figures at masked positions only: id and rank -1, the others NaN elsewhere.
/// A prompt without a mask token keeps them everywhere.
void keep_masked(Answer& answer, const at::Tensor& masked);

}  // namespace lensbench::lens

#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/model.hpp>
#include <string>
#include <vector>

namespace lensbench::vision_lens {

/// Probabilities of texts after a prompt, at each layer.
struct Continuations {
  std::vector<std::vector<std::int64_t>> ids;  ///< tokens of each text
  at::Tensor log_probability;                  ///< [layer, text] float64, nats: sum over tokens
};

/// Scores texts by teacher forcing: the prompt runs once, then the tokens of each text after it.
/// The probability of a token is read at the position before it.
/// \param layers  layers to read, 0 to n_layers
/// \throws UsageError for a text without tokens, or a model without a tokenizer
Continuations score_continuations(const Model& model, const Tokens& prompt,
                                  const std::vector<std::string>& texts,
                                  const std::vector<std::int64_t>& layers);

}  // namespace lensbench::vision_lens

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
  at::Tensor log_probability;  ///< [layer, text] float64, nats: sum over the tokens of the text
};

/// Tokens of texts, without a beginning of the sequence.
/// \throws UsageError for a text without tokens, or a model without a tokenizer
std::vector<std::vector<std::int64_t>> ids_of(const Model& model,
                                              const std::vector<std::string>& texts);

/// Scores texts by teacher forcing: the prompt runs once, then the tokens of each text after it.
/// The probability of a token is read at the position before it.
/// \param texts   tokens of each text, at least one
/// \param layers  layers to read, 0 to n_layers
Continuations score_continuations(const Model& model, const Tokens& prompt,
                                  std::vector<std::vector<std::int64_t>> texts,
                                  const std::vector<std::int64_t>& layers);

}  // namespace lensbench::vision_lens

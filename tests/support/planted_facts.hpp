#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "support/planted_attention.hpp"
#include "support/planted_model.hpp"

namespace lensbench::testing {

/// Ids of the tokens of `fact_model`: `S`, `is`, `s1` to `sN`, `a1` to `aN`.
struct FactTokens {
  std::int64_t n = 3;  ///< number of facts
  std::int64_t start() const { return 0; }
  std::int64_t is() const { return 1; }
  std::int64_t subject(std::int64_t k) const { return 2 + k; }
  std::int64_t answer(std::int64_t k) const { return 2 + n + k; }
  std::int64_t size() const { return 2 + 2 * n; }
  /// `S sK is`
  std::vector<std::int64_t> prompt(std::int64_t k) const { return {start(), subject(k), is()}; }
};

/// Four blocks that know one fact of each subject. Neuron k of block 1 turns subject k, at its own
/// position, into answer k; L2H0 moves the answer to `is`, where the logit of the answer becomes
/// `logit` and all others are 0. Blocks 0 and 3 write nothing. At all other positions L2H0 attends
/// to `S`, which has nothing to copy, and all logits are 0.
inline PlantedModel fact_model(double logit = 4.0, const FactTokens& tokens = {},
                               std::int64_t n_positions = 8) {
  const FeatureRange subject{0, tokens.n}, answer{subject.end(), tokens.n};
  const FeatureRange found{answer.end(), tokens.n}, mark{found.end(), 2};
  std::vector<std::string> vocabulary = {"S", "is"};
  for (const char* kind : {"s", "a"})
    for (std::int64_t k = 1; k <= tokens.n; ++k) vocabulary.push_back(kind + std::to_string(k));
  PlantedModel model({.n_layers = 4,
                      .n_positions = n_positions,
                      .n_features = mark.end(),
                      .n_channels = tokens.n + 2,
                      .n_neurons = tokens.n,
                      .vocabulary = vocabulary,
                      .n_special = 1});
  model.embed(tokens.start(), mark[0], 1.0);
  model.embed(tokens.is(), mark[1], 1.0);
  for (std::int64_t k = 0; k < tokens.n; ++k) {
    model.embed(tokens.subject(k), subject[k], 1.0);
    model.neuron_input(1, k, subject[k], 1.0);
    model.neuron_output(1, k, answer[k], 1.0);
    model.unembed(found[k], tokens.answer(k), 4.0);
  }
  const std::int64_t to_start = tokens.n, to_answer = tokens.n + 1;
  model.query_bias(2, 0, to_start, kScoreGap);
  model.key(2, 0, to_start, mark[0], 1.0);
  model.query(2, 0, to_answer, mark[1], 2.0 * kScoreGap);
  for (std::int64_t k = 0; k < tokens.n; ++k) model.key(2, 0, to_answer, answer[k], 1.0);
  // Small features: the norms' relative error grows with their squares.
  copy_features(model, 2, 0, answer, found, logit / 4.0);
  return model;
}

/// Blocks without an MLP whose one head sees all positions before and at its own equally and adds
/// their mean times a matrix, so that logits are linear in the embeddings: the stream x_i becomes
/// x_i + mean_(j <= i) x_j W. Tokens `t0` to `t{size - 1}`; token k has feature k, and the logit of
/// token k is feature k.
/// \param matrix    W, [size][size]: feature of the source, feature that is written
/// \param n_layers  number of equal blocks
inline PlantedModel linear_model(const std::vector<std::vector<double>>& matrix,
                                 std::int64_t n_layers = 1, std::int64_t n_positions = 8) {
  const auto size = static_cast<std::int64_t>(matrix.size());
  std::vector<std::string> vocabulary;
  for (std::int64_t k = 0; k < size; ++k) vocabulary.push_back("t" + std::to_string(k));
  PlantedModel model({.n_layers = n_layers,
                      .n_positions = n_positions,
                      .n_features = size,
                      .n_channels = size,
                      .vocabulary = vocabulary});
  for (std::int64_t k = 0; k < size; ++k) {
    model.embed(k, k, 1.0);
    model.unembed(k, k, 1.0);
  }
  for (std::int64_t layer = 0; layer < n_layers; ++layer)
    for (std::int64_t from = 0; from < size; ++from) {
      model.value(layer, 0, from, from, 1.0);
      for (std::int64_t to = 0; to < size; ++to)
        model.output(layer, 0, from, to,
                     matrix[static_cast<std::size_t>(from)][static_cast<std::size_t>(to)]);
    }
  return model;
}

}  // namespace lensbench::testing

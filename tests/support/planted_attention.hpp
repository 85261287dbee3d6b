#pragma once

#include <cstdint>
#include <vector>

#include "support/planted_model.hpp"

namespace lensbench::testing {

/// Scores of a match exceed all others by this, so that a pattern is one-hot to 1e-17.
inline constexpr double kScoreGap = 40.0;

/// Copies the token that a head attends to into another range of features.
inline void copy_features(PlantedModel& model, std::int64_t layer, std::int64_t head,
                          const FeatureRange& from, const FeatureRange& to, double factor = 1.0) {
  for (std::int64_t i = 0; i < from.size; ++i) {
    model.value(layer, head, i, from[i], 1.0);
    model.output(layer, head, i, to[i], factor);
  }
}

/// Makes a head attend from position i to i - 1, and from position 0 to itself. `here` has the code
/// of a position, `before` that of the position before it.
/// \param gap  by how much the score of a match exceeds all others
inline void attend_to_previous(PlantedModel& model, std::int64_t layer, std::int64_t head,
                               const FeatureRange& here, const FeatureRange& before,
                               double gap = kScoreGap) {
  for (std::int64_t bit = 0; bit < here.size; ++bit) {
    model.query(layer, head, bit, before[bit], 2.0 * gap);
    model.key(layer, head, bit, here[bit], 1.0);
  }
}

/// Writes the codes that `attend_to_previous` reads.
inline void embed_positions(PlantedModel& model, std::int64_t count, const FeatureRange& here,
                            const FeatureRange& before) {
  for (std::int64_t position = 0; position < count; ++position) {
    embed_code(model, position, here, position);
    embed_code(model, position, before, position == 0 ? 0 : position - 1);
  }
}

/// One block: head 0 attends to the position before (position 0 to itself) and copies its token to
/// the output with logit 1; head 1 attends to all visible positions equally and writes nothing.
/// Tokens: `S`, and `t1` to `t{n_tokens}`.
inline PlantedModel previous_token_model(std::int64_t n_tokens = 7, std::int64_t n_positions = 8) {
  const std::int64_t bits = code_size(n_positions), size = n_tokens + 1;
  const FeatureRange here{0, bits}, before{bits, bits}, token{2 * bits, size};
  const FeatureRange copied{token.end(), size};
  PlantedModel model({.n_heads = 2,
                      .n_positions = n_positions,
                      .n_features = copied.end(),
                      .n_channels = size,
                      .vocabulary = numbered_vocabulary(n_tokens)});
  embed_positions(model, n_positions, here, before);
  attend_to_previous(model, 0, 0, here, before);
  copy_features(model, 0, 0, token, copied);
  for (std::int64_t id = 0; id < size; ++id) {
    model.embed(id, token[id], 1.0);
    model.unembed(copied[id], id, 1.0);
  }
  return model;
}

/// Two blocks of attention alone. A prompt begins with the start token `S` (id 0, a special token).
/// L0H0 copies the token before each position. L1H0 attends equally to all positions whose token
/// before equals the token of the query, to `S` if there is none, and copies the tokens that it
/// finds to the output, with logit `logit` in all; `S` copies as nothing. L0H1 and L1H1 attend
/// equally to all visible positions and write nothing. Tokens: `S`, and `t1` to `t{n_tokens}`.
/// \param gap  by how much the score of a match exceeds all others; patterns of a small one are not
///   saturated
inline PlantedModel induction_model(std::int64_t n_tokens = 10, std::int64_t n_positions = 21,
                                    double logit = 2.0, double gap = kScoreGap) {
  const std::int64_t bits = code_size(n_positions);
  const FeatureRange here{0, bits}, before{bits, bits};
  const FeatureRange token{2 * bits, n_tokens}, start{token.end(), 1};
  const FeatureRange previous{start.end(), n_tokens}, found{previous.end(), n_tokens};
  PlantedModel model({.n_layers = 2,
                      .n_heads = 2,
                      .n_positions = n_positions,
                      .n_features = found.end(),
                      .n_channels = n_tokens + 1,
                      .vocabulary = numbered_vocabulary(n_tokens),
                      .n_special = 1});
  embed_positions(model, n_positions, here, before);
  model.embed(0, start[0], 1.0);
  for (std::int64_t i = 0; i < n_tokens; ++i) {
    model.embed(i + 1, token[i], 1.0);
    model.unembed(found[i], i + 1, 1.0);
  }
  attend_to_previous(model, 0, 0, here, before, gap);
  copy_features(model, 0, 0, token, previous);
  for (std::int64_t i = 0; i < n_tokens; ++i) {
    model.query(1, 0, i, token[i], 2.0 * gap);
    model.key(1, 0, i, previous[i], 1.0);
  }
  model.query_bias(1, 0, n_tokens, gap);
  model.key(1, 0, n_tokens, start[0], 1.0);
  copy_features(model, 1, 0, token, found, logit);
  return model;
}

/// `S`, then tokens t1 to tT twice: what the induction model repeats.
inline std::vector<std::int64_t> repeated_prompt(std::int64_t n_tokens) {
  std::vector<std::int64_t> ids = {0};
  for (int half = 0; half < 2; ++half)
    for (std::int64_t id = 1; id <= n_tokens; ++id) ids.push_back(id);
  return ids;
}

}  // namespace lensbench::testing

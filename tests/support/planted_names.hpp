#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "support/planted_attention.hpp"
#include "support/planted_model.hpp"

namespace lensbench::testing {

/// Names of `name_model`: `n1` to `nN`.
inline std::vector<std::string> planted_names(std::int64_t n) {
  std::vector<std::string> names;
  for (std::int64_t i = 1; i <= n; ++i) names.push_back("n" + std::to_string(i));
  return names;
}

/// Two blocks of attention alone that name the one who was named once, in sentences of 8 tokens
/// whose last but one is the repeated name: `so n1 and n2 , then n2 to`.
///
/// L0H0 copies the token before each position, so that `to` knows the last name. L1H0 goes from
/// there equally to all names but that one, and copies what it finds to the output, with logit
/// `logit` in all. L0H1 and L1H1 attend equally to all visible positions and write nothing.
inline PlantedModel name_model(std::int64_t n_names = 8, double logit = 2.0) {
  const std::int64_t n_positions = 8, bits = code_size(n_positions);
  const FeatureRange here{0, bits}, before{bits, bits};
  const FeatureRange token{2 * bits, n_names}, is_name{token.end(), 1};
  const FeatureRange previous{is_name.end(), n_names}, found{previous.end(), n_names};
  std::vector<std::string> vocabulary = planted_names(n_names);
  for (const char* word : {"so", "and", ",", "then", "to"}) vocabulary.emplace_back(word);
  PlantedModel model({.n_layers = 2,
                      .n_heads = 2,
                      .n_positions = n_positions,
                      .n_features = found.end(),
                      .n_channels = n_names + 1,
                      .vocabulary = vocabulary});
  embed_positions(model, n_positions, here, before);
  attend_to_previous(model, 0, 0, here, before);
  copy_features(model, 0, 0, token, previous);
  for (std::int64_t i = 0; i < n_names; ++i) {
    model.embed(i, token[i], 1.0);
    model.embed(i, is_name[0], 1.0);
    model.unembed(found[i], i, 1.0);
    model.query(1, 0, i, previous[i], -2.0 * kScoreGap);
    model.key(1, 0, i, token[i], 1.0);
  }
  model.query_bias(1, 0, n_names, kScoreGap);
  model.key(1, 0, n_names, is_name[0], 1.0);
  copy_features(model, 1, 0, token, found, logit);
  return model;
}

}  // namespace lensbench::testing

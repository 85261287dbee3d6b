#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "support/planted_model.hpp"

namespace lensbench::testing {

/// The logit of token k of five is 1 where it is the input, and the MLP of block 1 adds `bias` to
/// the logit of `t3` everywhere.
inline PlantedModel biased_model(double bias, std::int64_t n_layers = 2) {
  std::vector<std::string> vocabulary;
  for (int k = 0; k < 5; ++k) vocabulary.push_back("t" + std::to_string(k));
  PlantedModel model({.n_layers = n_layers, .n_features = 6, .vocabulary = vocabulary});
  for (std::int64_t k = 0; k < 5; ++k) {
    model.embed(k, k, 1.0);
    model.unembed(k, k, 1.0);
  }
  model.neuron_bias(1, 0, 1.0);
  model.neuron_output(1, 0, 5, bias);
  model.unembed(5, 3, 1.0);
  return model;
}

}  // namespace lensbench::testing

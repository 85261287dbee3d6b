#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <lensbench/model.hpp>
#include <lensbench/tokens.hpp>
#include <string>
#include <vector>

namespace lensbench::surgery {

/// A piece of text with the streams of the unchanged model.
struct Window {
  Tokens tokens;
  TokenBatch batch;
  /// [1, token, d_model], the stream after l blocks for l = 0 … n_layers: what a variant starts
  /// from.
  std::vector<at::Tensor> streams;
};

/// Runs the unchanged model on a piece of text.
Window read_window(const Model& model, Tokens tokens);

/// A changed model.
struct Variant {
  std::string label;       ///< `delete 3`
  std::int64_t first = 0;  ///< first block that runs differently; n_layers if only the end is cut
  /// The block that is changed, or of two neighbours the first or last one of the model; -1:
  /// others.
  std::int64_t block = -1;
  /// The last stream [1, token, d_model] of the variant.
  std::function<at::Tensor(const Window&)> run;
  std::string weight_changes = {};  ///< JSON of changed weights; empty: none
};

}  // namespace lensbench::surgery

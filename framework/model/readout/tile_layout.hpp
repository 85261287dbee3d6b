#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/model.hpp>
#include <vector>

namespace lensbench::readout {

/// Division of the product [layer * row, d_model] x [d_model, vocab] into tiles. The chunks, at
/// whose ends sums are joined, depend on the shape of the unembedding alone, so that the results of
/// a row depend neither on the number of threads nor on the other rows.
struct TileLayout {
  std::int64_t layers = 0, rows = 0, d_model = 0, vocab = 0;
  std::int64_t tile = 0;  ///< columns of a tile; the last one may be narrower
  std::int64_t tiles = 0;
  std::int64_t rows_per_block = 0;  ///< rows of a block, each with all layers
  std::int64_t rows_in_cache = 0;   ///< rows of a block that are multiplied together
  std::int64_t blocks = 0;
  std::int64_t tiles_per_chunk = 0;
  std::int64_t chunks = 0;           ///< parts of the vocabulary that are reduced on their own
  std::int64_t chunks_per_item = 0;  ///< one thread reads a block of rows against so many chunks
  std::int64_t items = 0;            ///< such works for a block
};

TileLayout make_tile_layout(std::int64_t layers, std::int64_t rows, std::int64_t d_model,
                            std::int64_t vocab);

/// Interval that contains a target's logit for every order of summation. Logits outside it can be
/// ranked against the target before its own logit has been computed.
struct Band {
  float low = 0, high = 0;
};

struct Targets {
  std::int64_t count = 0;            ///< targets of each row
  std::vector<std::int64_t> ids;     ///< [target, row]
  std::vector<Band> bands;           ///< [target, layer, row]
  std::vector<std::int64_t> scored;  ///< [row]; empty: none
  at::Tensor tensor;                 ///< the ids; undefined: none
};

/// \param normalized  [layer, row, d_model] float32, contiguous
/// \param ids         [row] or [target, row] int64, in range; or undefined
Targets make_targets(const Unembedding& unembedding, const at::Tensor& normalized,
                     const TileLayout& layout, const at::Tensor& ids);

}  // namespace lensbench::readout

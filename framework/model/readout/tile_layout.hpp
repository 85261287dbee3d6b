#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/model.hpp>
#include <vector>

namespace lensbench::readout {

/// How the product [layer * row, d_model] x [d_model, vocab] is cut. It depends on the shape alone,
/// never on the number of threads, so that results do not either.
struct Plan {
  std::int64_t layers = 0, rows = 0, d_model = 0, vocab = 0;
  std::int64_t tile = 0;  ///< columns of a tile; the last may be narrower
  std::int64_t tiles = 0;
  std::int64_t rows_per_block = 0;  ///< each with all its layers
  std::int64_t rows_in_cache = 0;   ///< rows of a block whose product is made at once
  std::int64_t blocks = 0;
  std::int64_t tiles_per_chunk = 0;  ///< a unit of work: a block of rows against a chunk of tiles
  std::int64_t chunks = 0;
};

Plan make_plan(std::int64_t layers, std::int64_t rows, std::int64_t d_model, std::int64_t vocab);

/// Where a target's logit lies whatever the order of summation of the product that will define it.
struct Band {
  float low = 0, high = 0;
};

struct Targets {
  std::vector<std::int64_t> ids;     ///< [row]; empty: none
  std::vector<Band> bands;           ///< [layer, row]
  std::vector<std::int64_t> scored;  ///< [row]; empty: none
  at::Tensor tensor;                 ///< the ids; undefined: none
};

/// \param normalized  [layer, row, d_model] float32, contiguous
/// \param ids         [row] int64, in range; or undefined
Targets make_targets(const Unembedding& unembedding, const at::Tensor& normalized, const Plan& plan,
                     const at::Tensor& ids);

}  // namespace lensbench::readout

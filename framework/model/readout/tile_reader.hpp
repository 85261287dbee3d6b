#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/readout.hpp>
#include <vector>

#include "model/readout/kernel.hpp"
#include "model/readout/partial.hpp"
#include "model/readout/product.hpp"
#include "model/readout/tile_layout.hpp"

namespace lensbench::readout {

/// Readout of a block of rows against chunks of the vocabulary, on one thread. A few rows at a
/// time are multiplied with a tile, and the logits are reduced while they are in the cache.
class TileReader {
 public:
  /// \param normalized  [layer, row, d_model] float32, contiguous, on the CPU
  TileReader(const TileLayout& layout, const Unembedding& unembedding, const at::Tensor& normalized,
             const ReadoutOptions& options, const Targets& targets, std::int64_t block);

  /// \return [layer, row of the block]
  std::vector<Partial> read(std::int64_t chunk);

 private:
  /// \return logits [row, layer], product_.stride() apart
  const float* make_logits(std::int64_t block, std::int64_t begin, std::int64_t columns);
  void reduce(std::int64_t layer, std::int64_t row, const float* logits, std::int64_t begin,
              std::int64_t columns);
  void add_sums(Partial& partial, bool is_reference);
  void add_top(TopK& top, std::int64_t begin);
  /// \param entry  index of [target, layer, row]
  void add_target(TargetPart& part, std::int64_t entry, std::int64_t id, std::int64_t begin);

  const TileLayout& layout_;
  const Unembedding& unembedding_;
  const ReadoutOptions& options_;
  const Targets& targets_;
  const Kernel& kernel_ = best_kernel();
  std::int64_t first_row_, rows_;
  Product product_;  // rows [row, layer], d_model wide
  Row row_;
  Reference reference_;
  double reference_max_ = 0, reference_sum_ = 0;
  std::vector<Partial> partials_;  // [layer, row]
};

}  // namespace lensbench::readout

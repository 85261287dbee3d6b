#include "model/readout/tile_reader.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/from_blob.h>

#include <algorithm>
#include <utility>

namespace lensbench::readout {

/// The rows of a block are reordered to [row, layer]: all layers of a position are then in one
/// block of the product, so the last layer is at hand for the divergences.
TileReader::TileReader(const TileLayout& layout, const Unembedding& unembedding,
                       const at::Tensor& normalized, const ReadoutOptions& options,
                       const Targets& targets, std::int64_t block)
    : layout_(layout),
      unembedding_(unembedding),
      options_(options),
      targets_(targets),
      first_row_(block * layout.rows_per_block),
      rows_(std::min(layout.rows_per_block, layout.rows - first_row_)),
      product_(kernel_,
               normalized.narrow(1, first_row_, rows_)
                   .transpose(0, 1)
                   .reshape({-1, layout.d_model})
                   .contiguous(),
               layout.layers * std::min(rows_, layout.rows_in_cache), layout.tile),
      row_(layout.tile),
      reference_(layout.tile) {}

std::vector<Partial> TileReader::read(std::int64_t chunk) {
  partials_.assign(static_cast<std::size_t>(layout_.layers * rows_), Partial());
  for (Partial& partial : partials_) {
    partial.top = TopK(options_.top_k);
    partial.targets.resize(static_cast<std::size_t>(targets_.count));
  }
  const std::int64_t first = chunk * layout_.tiles_per_chunk;
  const std::int64_t last = std::min(layout_.tiles, first + layout_.tiles_per_chunk);
  for (std::int64_t tile = first; tile < last; ++tile) {
    const std::int64_t begin = tile * layout_.tile;
    const std::int64_t columns = std::min(layout_.tile, layout_.vocab - begin);
    product_.set_tile(unembedding_.weight, begin, columns);
    std::int64_t row = 0;
    for (std::int64_t block = 0; block < product_.blocks(); ++block) {
      const float* logits = make_logits(block, begin, columns);
      const std::int64_t end = row + product_.rows_of(block) / layout_.layers;
      for (; row < end; ++row, logits += layout_.layers * product_.stride())
        // The last layer comes first, since it is the reference of the divergence of the others.
        for (std::int64_t layer = layout_.layers - 1; layer >= 0; --layer)
          reduce(layer, row, logits + layer * product_.stride(), begin, columns);
    }
  }
  // Only the k best of each part are kept until the parts are joined.
  for (Partial& partial : partials_) partial.top.finish();
  return std::move(partials_);
}

/// Bias, scale and softcap as in `unembed_rows`, applied in place to the tile in the cache.
const float* TileReader::make_logits(std::int64_t block, std::int64_t begin, std::int64_t columns) {
  float* logits = product_.multiply(block);
  const bool unchanged = !unembedding_.bias.defined() && unembedding_.logit_scale == 1.0 &&
                         !(unembedding_.logit_softcap > 0);
  if (unchanged) return logits;
  const at::Tensor view =
      at::from_blob(logits, {product_.rows_of(block), columns}, {product_.stride(), 1}, at::kFloat);
  if (unembedding_.bias.defined())
    view.add_(unembedding_.bias.narrow(0, begin, columns).to(at::Device(at::kCPU), at::kFloat));
  if (unembedding_.logit_scale != 1.0) view.mul_(unembedding_.logit_scale);
  if (const double cap = unembedding_.logit_softcap; cap > 0) view.div_(cap).tanh_().mul_(cap);
  return logits;
}

/// One row of one tile: the logits are read once for the copy, and from the cache after that.
void TileReader::reduce(std::int64_t layer, std::int64_t row, const float* logits,
                        std::int64_t begin, std::int64_t columns) {
  const std::int64_t index = layer * rows_ + row;
  kernel_.load_row(logits, columns, row_);
  Partial& partial = partials_[static_cast<std::size_t>(index)];
  add_sums(partial, layer == layout_.layers - 1);
  if (options_.top_k > 0) add_top(partial.top, begin);
  for (std::int64_t target = 0; target < targets_.count; ++target)
    add_target(partial.targets[static_cast<std::size_t>(target)],
               (target * layout_.layers + layer) * layout_.rows + first_row_ + row,
               targets_.ids[static_cast<std::size_t>(target * layout_.rows + first_row_ + row)],
               begin);
  if (targets_.scored.empty()) return;
  const std::int64_t scored = targets_.scored[static_cast<std::size_t>(first_row_ + row)] - begin;
  if (scored >= 0 && scored < columns)
    partial.scored_logit = row_.values[static_cast<std::size_t>(scored)];
}

void TileReader::add_sums(Partial& partial, bool is_reference) {
  Partial sums;
  sums.max = static_cast<double>(row_.max);
  RowSums s;
  if (!options_.kl_to_last) {
    s = kernel_.sum(row_);
  } else if (is_reference) {
    s = kernel_.sum_reference(row_, reference_);
    reference_max_ = sums.max;
    reference_sum_ = s.exponentials;
  } else {
    s = kernel_.sum_against(row_, reference_);
    // The kernel subtracts each row's maximum; this adds the difference of the maxima back.
    sums.divergence = s.from_reference + (reference_max_ - sums.max) * reference_sum_;
    sums.reference_max = reference_max_;
  }
  sums.exponentials = s.exponentials;
  sums.weighted = s.weighted;
  partial.merge_sums(sums);
}

void TileReader::add_top(TopK& top, std::int64_t begin) {
  // The maxima of the blocks bound the k-th best logit before any candidate is looked at.
  top.expect_blocks(row_.block_max, blocks(row_.columns));
  for (std::int64_t block = 0; block < blocks(row_.columns); ++block) {
    // Most blocks end here.
    if (!(row_.block_max[static_cast<std::size_t>(block)] > top.threshold())) continue;
    const std::int64_t end = std::min(row_.columns, (block + 1) * kBlock);
    for (std::int64_t i = block * kBlock; i < end; ++i) {
      const float z = row_.values[static_cast<std::size_t>(i)];
      if (z > top.threshold()) top.offer({z, begin + i});
    }
  }
}

/// Rank of the target without its own logit: columns above the band count at once, those inside are
/// kept until the logit is known. The band is a few roundings wide, so they are few.
void TileReader::add_target(TargetPart& part, std::int64_t entry, std::int64_t id,
                            std::int64_t begin) {
  const Band band = targets_.bands[static_cast<std::size_t>(entry)];
  part.above += kernel_.count(row_, band.low, band.high);
  for (std::int64_t block = 0; block < blocks(row_.columns); ++block) {
    if (!row_.block_within[static_cast<std::size_t>(block)]) continue;
    const std::int64_t end = std::min(row_.columns, (block + 1) * kBlock);
    for (std::int64_t i = block * kBlock; i < end; ++i) {
      const float z = row_.values[static_cast<std::size_t>(i)];
      if (z >= band.low && z <= band.high) part.near.push_back(z);
    }
  }
  const std::int64_t column = id - begin;
  if (column >= 0 && column < row_.columns)
    part.logit = row_.values[static_cast<std::size_t>(column)];
}

}  // namespace lensbench::readout

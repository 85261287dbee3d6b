#include "text_activity.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <ATen/ops/maximum.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <lensbench/error.hpp>
#include <limits>
#include <map>
#include <utility>

#include "common/worst.hpp"

namespace lensbench::neurons {
namespace {

double over(double sum, std::int64_t count) {
  return count > 0 ? sum / static_cast<double>(count) : kNaN;
}

[[noreturn]] void refuse_values(const NeuronSite& site, const Tile& tile,
                                const std::vector<std::int64_t>& positions) {
  const float* value = tile.values;
  while (std::isfinite(*value)) ++value;
  const std::int64_t row = tile.first_row + (value - tile.values) / kTileColumns;
  throw RunError("sparsity: '" + site.hook + "' has NaN or infinity at position " +
                 std::to_string(positions[static_cast<std::size_t>(row)]) +
                 " of a piece; open the model in another type, " +
                 "or take the text apart to find the token");
}

double sum_of_lanes(const double* lanes) {
  double sum = 0;
  for (std::int64_t lane = 0; lane < kRowLanes; ++lane) sum += lanes[lane];
  return sum;
}

/// Tensor [block, neuron] of a vector.
template <class Number>
at::Tensor by_neuron(const std::vector<Number>& values, const NeuronLayout& layout) {
  return at::tensor(values).view({std::ssize(layout.blocks), layout.width});
}

}  // namespace

TextActivity::TextActivity(const NeuronLayout& layout, std::int64_t bins)
    : layout_(layout), bins_(bins), blocks_(layout.blocks.size()) {
  for (std::size_t i = 0; i < layout.sites.size(); ++i) moments_.emplace_back(layout.site_width);
  for (std::size_t i = 0; i < layout.blocks.size(); ++i) {
    sizes_.emplace_back(layout.width);
    signed_.emplace_back(bins);
  }
}

std::size_t TextActivity::index(const NeuronSite& site) const {
  return site.row * static_cast<std::size_t>(layout_.width / layout_.site_width) +
         static_cast<std::size_t>(site.expert);
}

void TextActivity::add_tokens(const NeuronSite& site, const std::vector<std::int64_t>& positions,
                              const std::vector<double>& l1, const std::vector<double>& squares) {
  BlockTokens& tokens = blocks_[site.row];
  const std::size_t needed = static_cast<std::size_t>(positions.back()) + 1;
  if (tokens.l1.size() < needed) {
    tokens.l1.resize(needed, 0.0);
    tokens.squares.resize(needed, 0.0);
    tokens.numbers.resize(needed, 0);
  }
  for (std::size_t row = 0; row < positions.size(); ++row) {
    const auto p = static_cast<std::size_t>(positions[row]);
    tokens.l1[p] += sum_of_lanes(&l1[row * kRowLanes]);
    tokens.squares[p] += sum_of_lanes(&squares[row * kRowLanes]);
    tokens.numbers[p] += layout_.site_width;
  }
}

void TextActivity::add(const NeuronSite& site, const at::Tensor& rows,
                       const std::vector<std::int64_t>& positions) {
  if (positions.empty()) return;
  std::vector<double> l1(positions.size() * kRowLanes, 0.0), squares(l1);
  ColumnMoments& moments = moments_[index(site)];
  const auto add_tile = [&](const Tile& tile) {
    const std::size_t lanes = static_cast<std::size_t>(tile.first_row * kRowLanes);
    const std::int32_t largest =
        best_loops().rows(tile.values, tile.rows, &l1[lanes], &squares[lanes]);
    if (!std::isfinite(std::bit_cast<float>(largest))) refuse_values(site, tile, positions);
    moments.add(tile);
    sizes_[site.row].add(site.first + tile.first_column, tile);
    signed_[site.row].add(tile);
  };
  for_each_tile(rows.data_ptr<float>(), rows.size(1), rows.size(0), add_tile);
  add_tokens(site, positions, l1, squares);
}

void TextActivity::end_piece() {
  for (std::size_t block = 0; block < blocks_.size(); ++block) {
    BlockTokens& tokens = blocks_[block];
    for (std::size_t p = 0; p < tokens.l1.size(); ++p) {
      if (tokens.numbers[p] == 0) continue;
      ++tokens.tokens;
      if (block == 0) ++tokens_;
      tokens.l1_sum += tokens.l1[p];
      tokens.squares_sum += tokens.squares[p];
      const double measure = hoyer(tokens.l1[p], tokens.squares[p], tokens.numbers[p]);
      if (std::isnan(measure)) continue;
      tokens.hoyer_sum += measure;
      ++tokens.hoyers;
    }
    tokens.l1.clear();
    tokens.squares.clear();
    tokens.numbers.clear();
  }
}

TextActivity::Neurons TextActivity::neurons(double threshold, double dead_below) const {
  Neurons out;
  std::vector<double> mean, rms, kurtosis, maximum, minimum;
  std::vector<std::int64_t> rows, positive;
  for (const ColumnMoments& moments : moments_)
    for (std::size_t n = 0; n < static_cast<std::size_t>(layout_.site_width); ++n) {
      mean.push_back(moments.mean(n));
      rms.push_back(moments.root_mean_square(n));
      kurtosis.push_back(moments.excess_kurtosis(n));
      maximum.push_back(moments.maximum(n));
      minimum.push_back(moments.minimum(n));
      positive.push_back(moments.positive(n));
      rows.push_back(moments.count());
    }
  out.mean = by_neuron(mean, layout_);
  out.rms = by_neuron(rms, layout_);
  out.kurtosis = by_neuron(kurtosis, layout_);
  out.rows = by_neuron(rows, layout_);
  out.positive_frequency = by_neuron(positive, layout_).to(at::kDouble) / out.rows;
  out.maximum = by_neuron(maximum, layout_);
  out.minimum = by_neuron(minimum, layout_);
  // Root mean square of all activations of the block, so that a neuron is dead by the scale of the
  // others.
  const at::Tensor weight = out.rows.to(at::kDouble);
  const at::Tensor of_block =
      ((out.rms.pow(2) * weight).nansum(1, true) / weight.sum(1, true)).sqrt();
  const at::Tensor largest = at::maximum(out.maximum.abs(), out.minimum.abs());
  out.dead = largest.ge(dead_below * of_block).logical_and(largest > 0).logical_not().to(at::kChar);

  std::vector<double> frequency, gini, above;
  const at::Tensor root = out.rms.contiguous();
  const double* size = root.data_ptr<double>();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::size_t block = i / static_cast<std::size_t>(layout_.width);
    const auto neuron = static_cast<std::int64_t>(i % static_cast<std::size_t>(layout_.width));
    const SizeCounts& counts = sizes_[block];
    const float edge = counts.nearest_edge(neuron, threshold * size[i]);
    above.push_back(static_cast<double>(edge));
    frequency.push_back(over(static_cast<double>(counts.count_from(neuron, edge)), rows[i]));
    gini.push_back(counts.gini(neuron));
  }
  out.active_above = by_neuron(above, layout_);
  out.frequency = by_neuron(frequency, layout_);
  out.gini = by_neuron(gini, layout_);
  return out;
}

at::Tensor TextActivity::mean_l1() const {
  std::vector<double> out;
  out.reserve(blocks_.size());
  for (const BlockTokens& tokens : blocks_) out.push_back(over(tokens.l1_sum, tokens.tokens));
  return at::tensor(out);
}

at::Tensor TextActivity::mean_hoyer() const {
  std::vector<double> out;
  out.reserve(blocks_.size());
  for (const BlockTokens& tokens : blocks_) out.push_back(over(tokens.hoyer_sum, tokens.hoyers));
  return at::tensor(out);
}

TextActivity::Histogram TextActivity::histogram() const {
  std::vector<SignedCounts> counts = signed_;
  int exponent = counts.front().exponent();
  for (const SignedCounts& one : counts) exponent = std::max(exponent, one.exponent());
  for (SignedCounts& one : counts)
    while (one.exponent() < exponent) one.widen();
  std::int64_t first = 0, last = 0;
  while (true) {
    first = last = 0;
    for (const SignedCounts& one : counts) {
      first = std::min(first, one.first());
      last = std::max(last, one.last());
    }
    if (last - first < bins_) break;
    for (SignedCounts& one : counts) one.widen();
    ++exponent;
  }
  Histogram out;
  const double width = std::ldexp(1.0, exponent);
  out.edges = at::arange(first, last + 2, at::kDouble) * width;
  std::vector<at::Tensor> rows;
  for (const SignedCounts& one : counts) {
    std::vector<std::int64_t> row;
    for (std::int64_t bin = first; bin <= last; ++bin) row.push_back(one.count(bin));
    rows.push_back(at::tensor(row));
  }
  out.counts = at::stack(rows);
  return out;
}

double TextActivity::squares_difference() const {
  std::vector<double> by_neurons(blocks_.size(), 0.0);
  for (const NeuronSite& site : layout_.sites) {
    const ColumnMoments& moments = moments_[index(site)];
    for (std::size_t n = 0; moments.count() > 0 && n < static_cast<std::size_t>(layout_.site_width);
         ++n)
      by_neurons[site.row] +=
          std::pow(moments.root_mean_square(n), 2) * static_cast<double>(moments.count());
  }
  double largest = 0;
  for (std::size_t block = 0; block < blocks_.size(); ++block)
    largest = worst_of(largest, std::abs(by_neurons[block] - blocks_[block].squares_sum) /
                                    std::max(blocks_[block].squares_sum, 1e-300));
  return largest;
}

MeasuredText measure_text(Context& context, const Tokens& prompt, const NeuronLayout& layout,
                          const SparsityOptions& options) {
  MeasuredText out{TextActivity(layout, options.bins)};
  Pieces pieces(context, prompt, {options.text, options.window, options.windows});
  while (const auto piece = pieces.next()) {
    if (context.cancelled()) throw RunError("sparsity: the run was interrupted");
    const bool skip = options.exclude_first && piece->first_position == 0;
    read_piece(context.model(), *piece, layout, skip,
               [&](const NeuronSite& site, const at::Tensor& rows,
                   const std::vector<std::int64_t>& positions) {
                 out.activity.add(site, rows, positions);
               });
    out.activity.end_piece();
    out.first_tokens += skip ? 1 : 0;
    context.progress(++out.pieces, options.windows);
  }
  return out;
}

PromptActivity measure_prompt(const Model& model, const Tokens& prompt, const NeuronLayout& layout,
                              const at::Tensor& active_above) {
  const std::size_t blocks = layout.blocks.size(), length = prompt.ids.size();
  std::vector<std::vector<double>> vectors(blocks * length);
  std::vector<std::int32_t> active(blocks * length, 0);
  read_piece(model, {prompt, 0, 0}, layout, false,
             [&](const NeuronSite& site, const at::Tensor& rows,
                 const std::vector<std::int64_t>& positions) {
               const at::Tensor wide = rows.to(at::kDouble).contiguous();
               const at::Tensor edges = active_above[static_cast<std::int64_t>(site.row)]
                                            .narrow(0, site.first, layout.site_width)
                                            .contiguous();
               const double* edge = edges.data_ptr<double>();
               const double* row = wide.data_ptr<double>();
               for (const std::int64_t position : positions) {
                 const std::size_t at = site.row * length + static_cast<std::size_t>(position);
                 vectors[at].insert(vectors[at].end(), row, row + layout.site_width);
                 for (std::int64_t i = 0; i < layout.site_width; ++i)
                   active[at] += edge[i] > 0 && std::abs(row[i]) >= edge[i] ? 1 : 0;
                 row += layout.site_width;
               }
             });
  std::vector<double> l1, hoyers, ginis, kurtosis;
  for (const std::vector<double>& values : vectors) {
    const VectorMeasures measures = measures_of(values);
    l1.push_back(measures.l1);
    hoyers.push_back(measures.hoyer);
    ginis.push_back(measures.gini);
    kurtosis.push_back(measures.kurtosis);
  }
  const std::vector<std::int64_t> shape = {std::ssize(layout.blocks), prompt.size()};
  return {at::tensor(active, at::kInt).view(shape), at::tensor(l1).view(shape),
          at::tensor(hoyers).view(shape), at::tensor(ginis).view(shape),
          at::tensor(kurtosis).view(shape)};
}

}  // namespace lensbench::neurons

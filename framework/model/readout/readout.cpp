#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cmath>
#include <lensbench/error.hpp>
#include <lensbench/readout.hpp>
#include <string>
#include <utility>
#include <vector>

#include "model/readout/partial.hpp"
#include "model/readout/tile_layout.hpp"
#include "model/readout/tile_reader.hpp"
#include "model/runtime/parallel.hpp"

namespace lensbench {
namespace {

using readout::Partial;
using readout::Targets;
using readout::TileLayout;

void check_shapes(const Unembedding& unembedding, const at::Tensor& normalized) {
  if (normalized.dim() != 3 || normalized.numel() == 0)
    throw UsageError("readout: the residuals have " + std::to_string(normalized.dim()) +
                     " axes and " + std::to_string(normalized.numel()) +
                     " elements; expected [layer, row, d_model] with at least one of each");
  if (unembedding.weight.dim() != 2 || unembedding.weight.size(1) != normalized.size(2))
    throw UsageError("readout: the residuals have width " + std::to_string(normalized.size(2)) +
                     ", the unembedding " + std::to_string(unembedding.weight.size(-1)) +
                     "; both must be d_model");
}

void check_top_k(std::int64_t top_k, std::int64_t vocab) {
  if (top_k < 0 || top_k > vocab)
    throw UsageError("readout: top_k is " + std::to_string(top_k) + "; expected 0 to " +
                     std::to_string(vocab) + ", the size of the vocabulary");
}

/// \param most_axes  1: [row]; 2: also [target, row]
at::Tensor checked_target_ids(const at::Tensor& ids, std::int64_t rows, std::int64_t vocab,
                              std::int64_t most_axes) {
  if (ids.dim() < 1 || ids.dim() > most_axes || ids.size(-1) != rows || ids.numel() == 0)
    throw UsageError("readout: " + std::to_string(ids.numel()) + " target ids for " +
                     std::to_string(rows) + " rows; expected one for each row" +
                     (most_axes == 1 ? "" : ", or [target, row]"));
  // Ids are checked before the first product, since the loops index with them unchecked.
  const at::Tensor checked = ids.to(at::Device(at::kCPU), at::kLong).contiguous();
  const std::int64_t* begin = checked.data_ptr<std::int64_t>();
  for (std::int64_t i = 0; i < checked.numel(); ++i)
    if (begin[i] < 0 || begin[i] >= vocab)
      throw UsageError("readout: target id " + std::to_string(begin[i]) + " of row " +
                       std::to_string(i % rows) + " is outside the vocabulary 0.." +
                       std::to_string(vocab - 1));
  return checked;
}

/// Ids of the targets, [row] or [target, row]. The model's own choice is found by a readout of the
/// last layer alone.
at::Tensor target_ids(const Unembedding& unembedding, const at::Tensor& normalized,
                      const ReadoutOptions& options) {
  if (!options.target_is_own_top) {
    if (!options.target_ids.defined()) return {};
    return checked_target_ids(options.target_ids, normalized.size(1), unembedding.weight.size(0),
                              2);
  }
  ReadoutOptions only_top;
  only_top.top_k = 1;
  only_top.entropy = only_top.kl_to_last = false;
  const std::int64_t last = normalized.size(0) - 1;
  return read_out(unembedding, normalized.narrow(0, last, 1), only_top).top_ids.reshape({-1});
}

/// Only what was asked for is allocated; other members stay undefined.
Readout make_readout(const TileLayout& layout, const ReadoutOptions& options,
                     const at::Tensor& targets) {
  Readout out;
  const std::vector<std::int64_t> shape = {layout.layers, layout.rows};
  const std::vector<std::int64_t> top_shape = {layout.layers, layout.rows, options.top_k};
  out.log_sum_exp = at::empty(shape, at::kDouble);
  if (options.top_k > 0) {
    out.top_ids = at::empty(top_shape, at::kLong);
    out.top_logits = at::empty(top_shape, at::kFloat);
    out.top_probabilities = at::empty(top_shape, at::kFloat);
  }
  if (options.entropy) out.entropy = at::empty(shape, at::kFloat);
  if (options.kl_to_last) out.kl_to_last = at::empty(shape, at::kFloat);
  if (options.scored_ids.defined()) out.scored_log_probabilities = at::empty(shape, at::kFloat);
  if (targets.defined()) {
    std::vector<std::int64_t> of_targets = shape;
    if (targets.dim() == 2) of_targets.insert(of_targets.begin(), targets.size(0));
    out.target_ids = targets;
    out.target_logits = at::empty(of_targets, at::kFloat);
    out.target_log_probabilities = at::empty(of_targets, at::kFloat);
    out.target_ranks = at::empty(of_targets, at::kInt);
  }
  return out;
}

/// Unchecked access to a contiguous tensor.
template <class T>
T& at_index(at::Tensor& tensor, std::int64_t index) {
  return tensor.data_ptr<T>()[index];
}

// By rounding, a divergence or an entropy can be slightly below zero.
float not_negative(double value) {
  return value < 0 ? 0.0F : static_cast<float>(value);
}

/// A sum over the vocabulary hides which logit was not finite, so the row is reported.
void check_finite(const Partial& partial, std::int64_t layer, std::int64_t row,
                  std::int64_t n_top) {
  if (std::isfinite(partial.log_sum_exp()) && std::isfinite(partial.weighted) &&
      partial.top.size() == n_top)
    return;
  throw RunError("readout: a logit of row " + std::to_string(row) + " at layer " +
                 std::to_string(layer) +
                 " is not finite; check the weights, or compute in a wider dtype");
}

void write_top(Readout& out, std::int64_t at, Partial& partial, std::int64_t top_k) {
  const double log_sum_exp = partial.log_sum_exp();
  const std::vector<readout::Candidate>& top = partial.top.finish();
  for (std::int64_t k = 0; k < top_k; ++k) {
    const readout::Candidate& candidate = top[static_cast<std::size_t>(k)];
    const std::int64_t index = at * top_k + k;
    at_index<std::int64_t>(out.top_ids, index) = candidate.id;
    at_index<float>(out.top_logits, index) = candidate.logit;
    at_index<float>(out.top_probabilities, index) =
        static_cast<float>(std::exp(static_cast<double>(candidate.logit) - log_sum_exp));
  }
}

// Writes the results of one (layer, row). `last` is the same row at the last layer, `entries` the
// number of results of one target.
void write_entry(Readout& out, std::int64_t at, Partial& partial, const Partial& last,
                 std::int64_t top_k, std::int64_t entries) {
  const double log_sum_exp = partial.log_sum_exp();
  at_index<double>(out.log_sum_exp, at) = log_sum_exp;
  if (top_k > 0) write_top(out, at, partial, top_k);
  if (out.entropy.defined())
    // H = log sum e^x - (sum x e^x) / (sum e^x), with x relative to the maximum.
    at_index<float>(out.entropy, at) =
        not_negative(std::log(partial.exponentials) - partial.weighted / partial.exponentials);
  if (out.kl_to_last.defined())
    // KL(p || q) = sum p (z_p - z_q) - log Z_p + log Z_q, with p the last layer.
    at_index<float>(out.kl_to_last, at) =
        &partial == &last ? 0.0F
                          : not_negative(partial.divergence / last.exponentials -
                                         last.log_sum_exp() + log_sum_exp);
  if (out.scored_log_probabilities.defined())
    at_index<float>(out.scored_log_probabilities, at) =
        static_cast<float>(static_cast<double>(partial.scored_logit) - log_sum_exp);
  for (const readout::TargetPart& target : partial.targets) {
    at_index<float>(out.target_logits, at) = target.logit;
    at_index<float>(out.target_log_probabilities, at) =
        static_cast<float>(static_cast<double>(target.logit) - log_sum_exp);
    at_index<std::int32_t>(out.target_ranks, at) = static_cast<std::int32_t>(target.rank());
    at += entries;
  }
}

/// Results of one block of rows, all layers.
void write_block(Readout& out, const TileLayout& layout, std::int64_t block,
                 std::vector<Partial>& partials, std::int64_t top_k) {
  const std::int64_t first = block * layout.rows_per_block;
  const std::int64_t rows = static_cast<std::int64_t>(partials.size()) / layout.layers;
  const auto partial = [&](std::int64_t layer, std::int64_t row) -> Partial& {
    return partials[static_cast<std::size_t>(layer * rows + row)];
  };
  for (std::int64_t row = 0; row < rows; ++row)
    for (std::int64_t layer = 0; layer < layout.layers; ++layer) {
      check_finite(partial(layer, row), layer, first + row, top_k);
      write_entry(out, layer * layout.rows + first + row, partial(layer, row),
                  partial(layout.layers - 1, row), top_k, layout.layers * layout.rows);
    }
}

// Joins the parts of a block in the order of the vocabulary, so that results do not depend on
// threads.
std::vector<Partial> join_chunks(std::vector<std::vector<Partial>>& parts, const TileLayout& layout,
                                 std::int64_t block) {
  const auto part = [&](std::int64_t chunk) -> std::vector<Partial>& {
    return parts[static_cast<std::size_t>(block * layout.chunks + chunk)];
  };
  std::vector<Partial> joined = std::move(part(0));
  for (std::int64_t chunk = 1; chunk < layout.chunks; ++chunk) {
    for (std::size_t i = 0; i < joined.size(); ++i) joined[i].merge(part(chunk)[i]);
    // The memory of a part is released as soon as it is joined.
    part(chunk) = {};
  }
  for (Partial& partial : joined) partial.top.finish();
  return joined;
}

}  // namespace

/// Scores of many residuals without their logits: the products of tiles of rows and of the
/// vocabulary are reduced at once, so that the logits [layer, row, vocab] are never in memory.
Readout read_out(const Unembedding& unembedding, const at::Tensor& normalized,
                 const ReadoutOptions& options) {
  check_shapes(unembedding, normalized);
  // A readout reports numbers; its memory would not survive as a graph.
  const c10::NoGradGuard no_gradients;
  check_top_k(options.top_k, unembedding.weight.size(0));
  Unembedding detached = unembedding;
  detached.weight = unembedding.weight.detach();
  if (unembedding.bias.defined()) detached.bias = unembedding.bias.detach();
  const at::Tensor rows = normalized.detach().to(at::Device(at::kCPU), at::kFloat).contiguous();

  const TileLayout layout = readout::make_tile_layout(rows.size(0), rows.size(1), rows.size(2),
                                                      unembedding.weight.size(0));
  Targets targets =
      readout::make_targets(detached, rows, layout, target_ids(detached, rows, options));
  if (options.scored_ids.defined()) {
    const at::Tensor scored = checked_target_ids(options.scored_ids, layout.rows, layout.vocab, 1);
    targets.scored.assign(scored.data_ptr<std::int64_t>(),
                          scored.data_ptr<std::int64_t>() + layout.rows);
  }
  Readout out = make_readout(layout, options, targets.tensor);
  // One part for each block of rows and chunk of the vocabulary.
  std::vector<std::vector<Partial>> parts(static_cast<std::size_t>(layout.blocks * layout.chunks));
  for_each_parallel(layout.blocks * layout.items, [&](std::int64_t i) {
    const std::int64_t block = i / layout.items;
    const std::int64_t first = i % layout.items * layout.chunks_per_item;
    const std::int64_t last = std::min(layout.chunks, first + layout.chunks_per_item);
    readout::TileReader reader(layout, detached, rows, options, targets, block);
    for (std::int64_t chunk = first; chunk < last; ++chunk)
      parts[static_cast<std::size_t>(block * layout.chunks + chunk)] = reader.read(chunk);
  });
  for (std::int64_t block = 0; block < layout.blocks; ++block) {
    std::vector<Partial> joined = join_chunks(parts, layout, block);
    write_block(out, layout, block, joined, options.top_k);
  }
  return out;
}

}  // namespace lensbench

#include "ablation.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>
#include <lensbench/error.hpp>

#include "common/worst.hpp"

namespace lensbench::attribution {
namespace {

/// Tokens of one batch: enough for fast matrix products, few enough to bound the activations.
constexpr std::int64_t kTokensPerBatch = 1024;

/// One row of a batch: a residual to start from, and the replacement in the first block (undefined:
/// unchanged).
struct Cell {
  std::vector<std::int64_t> index;  ///< indices of the measured values in the result
  at::Tensor residual;
  at::Tensor attn_out = {};  ///< [1, token, d_model]
  std::int64_t head = 0;
  at::Tensor z = {};  ///< [1, token, d_head] of `head`
};

/// Output of one component with every token replaced.
/// \param output     [1, token, ...] in the real run
/// \param reference  [...], mean over the reference prompts; undefined if the kind is another
at::Tensor ablated(const at::Tensor& output, Ablation kind, const at::Tensor& reference) {
  if (kind == Ablation::zero) return at::zeros_like(output);
  if (kind == Ablation::mean) return reference.to(output.options()).expand_as(output);
  const at::Tensor mean = output.to(at::kDouble).mean(1, /*keepdim=*/true);
  return mean.to(output.scalar_type()).expand_as(output);
}

/// Element of a block, undefined without reference means.
at::Tensor mean_of(const AblationSweep& sweep, std::vector<at::Tensor> ReferenceMeans::*outputs,
                   std::size_t block) {
  return sweep.reference == nullptr ? at::Tensor() : (sweep.reference->*outputs)[block];
}

/// Cells whose forwards start at a block. The MLP writes last in its block, so its forward starts
/// at the next.
std::vector<Cell> cells_starting_at(std::int64_t layer, const AblationSweep& sweep) {
  const BlockActivations& blocks = sweep.blocks;
  std::vector<Cell> cells;
  for (std::size_t kind = 0; kind < sweep.kinds.size(); ++kind) {
    const auto row = static_cast<std::int64_t>(kind);
    if (layer > 0) {
      const auto l = static_cast<std::size_t>(layer - 1);
      const at::Tensor mlp_out = ablated(blocks.mlp_out[l], sweep.kinds[kind],
                                         mean_of(sweep, &ReferenceMeans::mlp_out, l));
      // After the last block there is nothing to run: the residual is a sum of what was read.
      cells.push_back({{row, 2 * layer - 1}, blocks.resid_pre[l] + blocks.attn_out[l] + mlp_out});
    }
    if (layer < blocks.n_layers()) {
      const auto l = static_cast<std::size_t>(layer);
      cells.push_back({{row, 2 * layer},
                       blocks.resid_pre[l],
                       ablated(blocks.attn_out[l], sweep.kinds[kind],
                               mean_of(sweep, &ReferenceMeans::attn_out, l))});
    }
  }
  return cells;
}

/// The heads of a block as cells; all start from the stream that enters the block.
std::vector<Cell> head_cells(std::int64_t layer, const AblationSweep& sweep) {
  const auto l = static_cast<std::size_t>(layer);
  const at::Tensor& z = sweep.blocks.z[l];
  std::vector<Cell> cells;
  for (std::size_t kind = 0; kind < sweep.kinds.size(); ++kind) {
    const at::Tensor replaced =
        ablated(z, sweep.kinds[kind], mean_of(sweep, &ReferenceMeans::z, l));
    for (std::int64_t head = 0; head < z.size(2); ++head)
      cells.push_back({.index = {static_cast<std::int64_t>(kind), layer, head},
                       .residual = sweep.blocks.resid_pre[l],
                       .head = head,
                       .z = replaced.select(2, head)});
  }
  return cells;
}

/// Rows of MLP cells pass this hook unchanged: their change is in the residual already.
at::Tensor write_outputs(const at::Tensor& activation, const std::vector<Cell>& cells) {
  at::Tensor changed = activation.clone();
  for (std::size_t row = 0; row < cells.size(); ++row)
    if (cells[row].attn_out.defined())
      changed.select(0, static_cast<std::int64_t>(row)).copy_(cells[row].attn_out[0]);
  return changed;
}

/// Only one head of each row is replaced; its share of the output follows from W_O.
at::Tensor write_heads(const at::Tensor& activation, const std::vector<Cell>& cells) {
  at::Tensor changed = activation.clone();
  for (std::size_t row = 0; row < cells.size(); ++row)
    if (cells[row].z.defined())
      changed.select(0, static_cast<std::int64_t>(row))
          .select(1, cells[row].head)
          .copy_(cells[row].z[0]);
  return changed;
}

/// The prompt once for each cell, as a view.
TokenBatch repeated(const TokenBatch& tokens, std::int64_t rows) {
  TokenBatch batch;
  batch.ids = tokens.ids.expand({rows, tokens.length()});
  if (tokens.mask.defined()) batch.mask = tokens.mask.expand({rows, tokens.length()});
  if (!tokens.pictures.empty())
    batch.pictures.assign(static_cast<std::size_t>(rows), tokens.pictures.front());
  return batch;
}

/// Hooks that write the cells of one call, which replace either outputs or heads.
/// \param cells  must outlive the hooks
Hooks writes_of(const std::vector<Cell>& cells, std::int64_t layer) {
  const std::string block = "blocks." + std::to_string(layer);
  Hooks hooks;
  if (cells.front().z.defined())
    hooks.replace(block + ".attn.hook_z", [&cells](const at::Tensor& value, const HookPoint&) {
      return write_heads(value, cells);
    });
  else
    hooks.replace(block + ".hook_attn_out", [&cells](const at::Tensor& value, const HookPoint&) {
      return write_outputs(value, cells);
    });
  return hooks;
}

/// Final residuals of cells that start at the same block, [row, token, d_model].
at::Tensor run_cells(const Model& model, const TokenBatch& tokens, std::int64_t layer,
                     const std::vector<Cell>& cells) {
  std::vector<at::Tensor> rows;
  rows.reserve(cells.size());
  for (const Cell& cell : cells) rows.push_back(cell.residual);
  const at::Tensor residual = at::cat(rows, 0);
  // Cells that replace the last MLP end here.
  if (layer == model.spec().n_layers) return residual;
  ForwardOptions options;
  options.logits = ForwardOptions::Logits::none;
  options.start_at_layer = layer;
  options.residual = residual;
  return model.forward(repeated(tokens, residual.size(0)), options, writes_of(cells, layer))
      .residual;
}

/// Runs cells that start at the same block in batches and stores what they measure.
void read_cells(const AblationSweep& sweep, std::int64_t layer, const std::vector<Cell>& cells,
                at::Tensor& readings) {
  const auto rows = static_cast<std::size_t>(std::max<std::int64_t>(
      1, kTokensPerBatch / std::max<std::int64_t>(1, sweep.tokens.length())));
  for (std::size_t first = 0; first < cells.size(); first += rows) {
    const auto begin = cells.begin() + static_cast<std::ptrdiff_t>(first);
    const auto end =
        cells.begin() + static_cast<std::ptrdiff_t>(std::min(first + rows, cells.size()));
    const std::vector<Cell> batch(begin, end);
    const at::Tensor values = sweep.read(run_cells(sweep.model, sweep.tokens, layer, batch));
    // The index of a cell is its place in the result, whatever the batches.
    for (std::size_t row = 0; row < batch.size(); ++row) {
      at::Tensor place = readings;
      for (const std::int64_t i : batch[row].index) place = place[i];
      place.copy_(values[static_cast<std::int64_t>(row)]);
    }
  }
}

/// 0 where nothing changed; relative to the largest element unless that is 0 too.
double relative_change(const at::Tensor& replaced, const at::Tensor& original) {
  const at::Tensor expected = original.to(at::kDouble);
  const double difference = (replaced.to(at::kDouble) - expected).abs().max().item<double>();
  const double size = expected.abs().max().item<double>();
  return size == 0.0 ? difference : difference / size;
}

}  // namespace

std::vector<Ablation> parse_ablations(const std::vector<std::string>& names) {
  // `none` is the written form of an empty list.
  std::vector<Ablation> kinds;
  if (names.size() == 1 && names[0] == "none") return kinds;
  for (const std::string& name : names) {
    bool known = false;
    for (const Ablation kind : {Ablation::zero, Ablation::mean, Ablation::mean_of_prompt}) {
      if (name != to_string(kind)) continue;
      known = true;
      if (contains(kinds, kind))
        throw UsageError("layer_attribution: ablation '" + name + "' is given twice; give it once");
      kinds.push_back(kind);
    }
    if (!known)
      throw UsageError("layer_attribution: unknown ablation '" + name +
                       "'; give one or more of zero, mean, mean_of_prompt, separated by commas, or "
                       "none");
  }
  return kinds;
}

std::string to_string(Ablation kind) {
  if (kind == Ablation::zero) return "zero";
  return kind == Ablation::mean ? "mean" : "mean_of_prompt";
}

bool contains(const std::vector<Ablation>& kinds, Ablation kind) {
  return std::find(kinds.begin(), kinds.end(), kind) != kinds.end();
}

at::Tensor ablated_readings(const AblationSweep& sweep) {
  const std::int64_t n_layers = sweep.blocks.n_layers();
  at::Tensor readings = at::empty(
      {static_cast<std::int64_t>(sweep.kinds.size()), 2 * n_layers, sweep.tokens.length()},
      at::kDouble);
  // n_layers + 1 starts: the cells of the last MLP start after the last block.
  for (std::int64_t layer = 0; layer <= n_layers; ++layer)
    read_cells(sweep, layer, cells_starting_at(layer, sweep), readings);
  return readings;
}

at::Tensor ablated_head_readings(const AblationSweep& sweep) {
  const std::int64_t n_layers = sweep.blocks.n_layers();
  at::Tensor readings = at::empty({static_cast<std::int64_t>(sweep.kinds.size()), n_layers,
                                   sweep.blocks.z.front().size(2), sweep.tokens.length()},
                                  at::kDouble);
  for (std::int64_t layer = 0; layer < n_layers; ++layer)
    read_cells(sweep, layer, head_cells(layer, sweep), readings);
  return readings;
}

double self_replacement_difference(const Model& model, const TokenBatch& tokens,
                                   const BlockActivations& blocks,
                                   const at::Tensor& last_residual) {
  // Block 0, since a replacement there passes through all other blocks.
  const Cell output{{}, blocks.resid_pre.front(), blocks.attn_out.front()};
  const double change = relative_change(run_cells(model, tokens, 0, {output}), last_residual);
  if (blocks.z.empty()) return change;
  const Cell head{.index = {},
                  .residual = blocks.resid_pre.front(),
                  .head = 0,
                  .z = blocks.z.front().select(2, 0)};
  return worst_of(change, relative_change(run_cells(model, tokens, 0, {head}), last_residual));
}

}  // namespace lensbench::attribution

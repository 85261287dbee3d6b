#include "ablation.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>
#include <lensbench/error.hpp>

namespace lensbench::attribution {
namespace {

/// Tokens of one batch: enough for fast matrix products, few enough to bound the activations.
constexpr std::int64_t kTokensPerBatch = 1024;

/// One row of a batch: a residual to start from, and the replacement of the first block's attention
/// output (undefined: unchanged).
struct Cell {
  std::int64_t kind = 0, component = 0;
  at::Tensor residual;
  at::Tensor attn_out;
};

at::Tensor ablated(const at::Tensor& output, Ablation kind) {
  if (kind == Ablation::zero) return at::zeros_like(output);
  const at::Tensor mean = output.to(at::kDouble).mean(1, /*keepdim=*/true);
  return mean.to(output.scalar_type()).expand_as(output);
}

/// Cell for the MLP of a block. The MLP writes last in its block, so the forward starts at the
/// next.
std::vector<Cell> cells_starting_at(std::int64_t layer, const BlockActivations& blocks,
                                    const std::vector<Ablation>& kinds) {
  std::vector<Cell> cells;
  for (std::size_t kind = 0; kind < kinds.size(); ++kind) {
    const auto row = static_cast<std::int64_t>(kind);
    if (layer > 0) {
      const auto l = static_cast<std::size_t>(layer - 1);
      const at::Tensor residual = blocks.resid_pre[l] + blocks.attn_out[l];
      cells.push_back({row, 2 * layer - 1, residual + ablated(blocks.mlp_out[l], kinds[kind]), {}});
    }
    if (layer < blocks.n_layers()) {
      const auto l = static_cast<std::size_t>(layer);
      cells.push_back(
          {row, 2 * layer, blocks.resid_pre[l], ablated(blocks.attn_out[l], kinds[kind])});
    }
  }
  return cells;
}

at::Tensor write_rows(const at::Tensor& activation, const std::vector<Cell>& cells) {
  at::Tensor changed = activation.clone();
  for (std::size_t row = 0; row < cells.size(); ++row)
    if (cells[row].attn_out.defined())
      changed.select(0, static_cast<std::int64_t>(row)).copy_(cells[row].attn_out[0]);
  return changed;
}

TokenBatch repeated(const TokenBatch& tokens, std::int64_t rows) {
  TokenBatch batch;
  batch.ids = tokens.ids.expand({rows, tokens.length()});
  if (tokens.mask.defined()) batch.mask = tokens.mask.expand({rows, tokens.length()});
  return batch;
}

/// Final residuals of cells that start at the same block, [row, token, d_model].
at::Tensor run_cells(const Model& model, const TokenBatch& tokens, std::int64_t layer,
                     const std::vector<Cell>& cells) {
  std::vector<at::Tensor> rows;
  for (const Cell& cell : cells) rows.push_back(cell.residual);
  const at::Tensor residual = at::cat(rows, 0);
  if (layer == model.spec().n_layers) return residual;
  ForwardOptions options;
  options.logits = ForwardOptions::Logits::none;
  options.start_at_layer = layer;
  options.residual = residual;
  Hooks hooks;
  hooks.replace(
      "blocks." + std::to_string(layer) + ".hook_attn_out",
      [&cells](const at::Tensor& value, const HookPoint&) { return write_rows(value, cells); });
  return model.forward(repeated(tokens, residual.size(0)), options, hooks).residual;
}

}  // namespace

std::vector<Ablation> parse_ablations(const std::vector<std::string>& names) {
  std::vector<Ablation> kinds;
  if (names.size() == 1 && names[0] == "none") return kinds;
  for (const std::string& name : names) {
    if (name != "zero" && name != "mean_of_prompt")
      throw UsageError("layer_attribution: unknown ablation '" + name +
                       "'; give zero, mean_of_prompt, both separated by a comma, or none");
    const Ablation kind = name == "zero" ? Ablation::zero : Ablation::mean_of_prompt;
    if (std::find(kinds.begin(), kinds.end(), kind) != kinds.end())
      throw UsageError("layer_attribution: ablation '" + name + "' is given twice; give it once");
    kinds.push_back(kind);
  }
  return kinds;
}

std::string to_string(Ablation kind) {
  return kind == Ablation::zero ? "zero" : "mean_of_prompt";
}

at::Tensor ablated_readings(const Model& model, const TokenBatch& tokens,
                            const BlockActivations& blocks, const std::vector<Ablation>& kinds,
                            const ResidualReader& read) {
  const std::int64_t n_layers = blocks.n_layers();
  at::Tensor readings = at::empty(
      {static_cast<std::int64_t>(kinds.size()), 2 * n_layers, tokens.length()}, at::kDouble);
  const auto rows = static_cast<std::size_t>(
      std::max<std::int64_t>(1, kTokensPerBatch / std::max<std::int64_t>(1, tokens.length())));
  for (std::int64_t layer = 0; layer <= n_layers; ++layer) {
    const std::vector<Cell> cells = cells_starting_at(layer, blocks, kinds);
    for (std::size_t first = 0; first < cells.size(); first += rows) {
      const auto begin = cells.begin() + static_cast<std::ptrdiff_t>(first);
      const auto end =
          cells.begin() + static_cast<std::ptrdiff_t>(std::min(first + rows, cells.size()));
      const std::vector<Cell> batch(begin, end);
      const at::Tensor values = read(run_cells(model, tokens, layer, batch));
      for (std::size_t row = 0; row < batch.size(); ++row)
        readings[batch[row].kind][batch[row].component].copy_(
            values[static_cast<std::int64_t>(row)]);
    }
  }
  return readings;
}

double self_replacement_difference(const Model& model, const TokenBatch& tokens,
                                   const BlockActivations& blocks,
                                   const at::Tensor& last_residual) {
  const std::vector<Cell> itself = {{0, 0, blocks.resid_pre.front(), blocks.attn_out.front()}};
  const at::Tensor replaced = run_cells(model, tokens, 0, itself);
  const at::Tensor expected = last_residual.to(at::kDouble);
  const double difference = (replaced.to(at::kDouble) - expected).abs().max().item<double>();
  const double size = expected.abs().max().item<double>();
  return size == 0.0 ? difference : difference / size;
}

}  // namespace lensbench::attribution

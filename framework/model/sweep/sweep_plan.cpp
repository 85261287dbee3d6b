#include "model/sweep/sweep_plan.hpp"

#include <algorithm>
#include <cstdio>
#include <lensbench/error.hpp>
#include <map>

#include "core/available_memory.hpp"

namespace lensbench {
namespace {

/// Most positions of one forward over all its cells: enough for fast matrix products, few enough to
/// bound the activations of a long prompt.
constexpr std::int64_t kMostPositions = 8192;

std::string gibibytes(double bytes) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f GiB", bytes / (1024.0 * 1024.0 * 1024.0));
  return text;
}

/// Weights that make keys and values of a latent vector; 0 without latent attention.
double remaking_weights(const TransformerSpec& spec) {
  if (!spec.latent) return 0.0;
  const std::int64_t made = spec.attention.d_head - spec.latent->d_rotary + spec.latent->d_value;
  return static_cast<double>(spec.latent->key_value_rank * spec.attention.n_heads * made);
}

/// Weights of the attention of a block.
double attention_weights(const TransformerSpec& spec) {
  const AttentionSpec& attention = spec.attention;
  const auto d = static_cast<double>(spec.d_model);
  const auto q = static_cast<double>(attention.n_heads * attention.d_head);
  const auto z = static_cast<double>(attention.n_heads * spec.d_value());
  if (!spec.latent) return d * (q + static_cast<double>(spec.key_value_width()) + z);
  const auto rank = static_cast<double>(spec.latent->query_rank);
  const double queries = rank > 0.0 ? rank * (d + q) : d * q;
  return queries + d * (static_cast<double>(spec.cached_width()) + z) + remaking_weights(spec);
}

/// Hidden neurons of a block that act on each position, as the mean over blocks. In a mixture these
/// are the neurons of the experts that the position chose and of the shared expert.
double hidden_width(const TransformerSpec& spec) {
  if (spec.mlp.n_experts == 0) return static_cast<double>(spec.mlp.d_mlp);
  const auto routed =
      static_cast<double>(spec.mlp.experts_per_token * spec.mlp.d_mlp + spec.d_shared_expert);
  const auto dense = static_cast<double>(spec.dense_blocks);
  const auto blocks = static_cast<double>(spec.n_layers);
  return (dense * static_cast<double>(spec.dense_width()) + (blocks - dense) * routed) / blocks;
}

/// Weights of a block that act on each position.
double weights_of_block(const TransformerSpec& spec) {
  return attention_weights(spec) +
         (spec.mlp.gated ? 3.0 : 2.0) * static_cast<double>(spec.d_model) * hidden_width(spec);
}

/// Floats that a block holds at once for each position: the stream and its norms, queries, keys,
/// values and z, and the hidden layer of the MLP before and after its activation.
double floats_of_position(const TransformerSpec& spec) {
  const AttentionSpec& attention = spec.attention;
  const auto heads = static_cast<double>(attention.n_heads + attention.n_key_value_heads);
  // Experts run one after another.
  const std::int64_t widest = std::max({spec.mlp.d_mlp, spec.dense_width(), spec.d_shared_expert});
  return 6.0 * static_cast<double>(spec.d_model) +
         2.0 * heads * static_cast<double>(attention.d_head) +
         (spec.mlp.gated ? 4.0 : 3.0) * static_cast<double>(widest);
}

}  // namespace

std::int64_t columns_from(const TransformerSpec& spec, std::int64_t length,
                          std::int64_t metric_position, std::int64_t first) {
  // Positions after that of the metrics are never read, but rotary scaling may count them.
  const bool whole = !spec.attention.causal || spec.rope.has_value();
  return (whole ? length : metric_position + 1) - first;
}

namespace {

/// Cells of one forward share their first position, so that the batch is rectangular. Cells after
/// the position of the metric are left out in a causal model.
std::map<std::int64_t, CellBatch> by_first_position(const TransformerSpec& spec,
                                                    std::int64_t metric_position,
                                                    const std::vector<ResolvedCell>& cells) {
  std::map<std::int64_t, CellBatch> groups;
  for (const ResolvedCell& cell : cells)
    if (!spec.attention.causal || cell.first_position <= metric_position)
      groups[cell.first_position].push_back(&cell);
  return groups;
}

}  // namespace

std::vector<CellBatch> batches_of(const TransformerSpec& spec, std::int64_t length,
                                  std::int64_t metric_position,
                                  const std::vector<ResolvedCell>& cells,
                                  const SweepOptions& options) {
  std::vector<CellBatch> batches;
  // A stable sort keeps the order of the caller among equal blocks.
  for (auto& [first, group] : by_first_position(spec, metric_position, cells)) {
    std::stable_sort(group.begin(), group.end(), [](const ResolvedCell* a, const ResolvedCell* b) {
      return a->first_block < b->first_block;
    });
    const std::int64_t columns = columns_from(spec, length, metric_position, first);
    // At least one cell, even if a single one has more positions than the bound.
    const auto most = static_cast<std::size_t>(std::max<std::int64_t>(
        1, std::min(options.most_cells, kMostPositions / std::max<std::int64_t>(1, columns))));
    for (std::size_t begin = 0; begin < group.size(); begin += most)
      batches.emplace_back(
          group.begin() + static_cast<std::ptrdiff_t>(begin),
          group.begin() + static_cast<std::ptrdiff_t>(std::min(begin + most, group.size())));
  }
  return batches;
}

std::int64_t position_blocks(const TransformerSpec& spec, const CellBatch& batch,
                             std::int64_t columns) {
  std::int64_t total = 0;
  for (const ResolvedCell* cell : batch) total += (spec.n_layers - cell->first_block) * columns;
  return total;
}

SweepCost cost_of(const TransformerSpec& spec, std::int64_t length, std::int64_t metric_position,
                  const std::vector<ResolvedCell>& cells, const SweepOptions& options,
                  std::int64_t element_size) {
  SweepCost cost;
  const auto bases = static_cast<std::int64_t>(options.bases.size());
  const auto size = static_cast<double>(element_size);
  const auto keys = static_cast<double>(spec.key_value_width());
  double largest = 0, remade = 0;
  for (const CellBatch& batch : batches_of(spec, length, metric_position, cells, options)) {
    const std::int64_t first = batch.front()->first_position;
    const std::int64_t columns = columns_from(spec, length, metric_position, first);
    cost.position_blocks += bases * position_blocks(spec, batch, columns);
    // Latent attention makes the keys and values of earlier positions anew for each cell.
    remade += static_cast<double>(bases * position_blocks(spec, batch, first));
    const auto rows = static_cast<double>(batch.size());
    // Every row has the keys and values of the base run's positions too.
    largest = std::max(largest, rows * (static_cast<double>(columns) * floats_of_position(spec) +
                                        static_cast<double>(length) * keys));
  }
  cost.cells = bases * static_cast<std::int64_t>(cells.size());
  // Two operations for each weight and position; attention between positions is left out.
  cost.flops = 2.0 * (static_cast<double>(cost.position_blocks) * weights_of_block(spec) +
                      remade * remaking_weights(spec));
  // Kept for the whole sweep: the cache of the base run and, at most, the stream of every block.
  const double base_run = static_cast<double>(spec.n_layers) * static_cast<double>(length) *
                          static_cast<double>(spec.d_model + spec.cached_width());
  cost.bytes = size * (largest + base_run) + 8.0 * static_cast<double>(cost.cells);
  return cost;
}

void check_memory(const SweepCost& cost, std::int64_t length, const SweepOptions& options) {
  const double available = options.most_bytes > 0 ? options.most_bytes : available_memory();
  if (cost.bytes <= available) return;
  throw UsageError("sweep_cells: " + std::to_string(cost.cells) + " cells of a prompt of " +
                   std::to_string(length) + " tokens need " + gibibytes(cost.bytes) +
                   " in addition to the model (available: " + gibibytes(available) +
                   "); set most_cells to less than " + std::to_string(options.most_cells) +
                   ", or take fewer points or a shorter prompt");
}

}  // namespace lensbench

#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <lensbench/export.hpp>
#include <lensbench/hooks.hpp>
#include <lensbench/model.hpp>
#include <string>
#include <vector>

namespace lensbench {

/// Function from rows of the residual stream after the last block, [row, d_model], to the metrics
/// of each row: [row], or [row, metric] for several.
using RowMetrics = std::function<at::Tensor(const at::Tensor& rows)>;

/// One replacement of a cell, in one block.
struct CellWrite {
  /// Hook point with a position axis, named without the block (`hook_resid_pre`, `attn.hook_z`) or
  /// by its short name (`resid_pre`, `z`).
  std::string point;
  std::int64_t block = 0;                    ///< block, counted from 0
  std::vector<std::int64_t> positions = {};  ///< negative ones count from the end; empty: all
  std::vector<std::int64_t> heads = {};      ///< on the axis `head` or `kv_head`; empty: all
  /// New values of the selected part, with the axes of the hook point without the batch: [position,
  /// d_model], [position, head, d_head], [head, position, key]. Axes of length 1 are repeated.
  at::Tensor values = {};
};

/// One changed run: all its writes act together.
struct SweepCell {
  std::vector<CellWrite> writes;  ///< at least one
};

/// Base runs of a sweep, the position of its metrics, and limits.
struct SweepOptions {
  std::int64_t metric_position = -1;  ///< position whose stream the metrics read
  std::int64_t most_cells = 256;      ///< most cells in one forward; bounds memory, not results
  /// Runs that the cells change: the tokens with each of these hooks, which may act before the
  /// first block only (noise on `hook_embed`). Every cell runs on each of them.
  std::vector<Hooks> bases = {Hooks()};
  /// Most memory in addition to the model, bytes; 0: what the machine has available.
  double most_bytes = 0;
  /// Receives the number of finished (base, cell) pairs after each forward; it may throw to stop.
  std::function<void(std::int64_t done)> progress = {};
};

/// Metrics of changed runs.
struct SweepResult {
  at::Tensor metrics;       ///< [base, cell, metric] float64
  at::Tensor base_metrics;  ///< [base, metric] float64, of the unchanged runs
  std::int64_t run = 0;     ///< (base, cell) pairs that were run; the others change nothing
  /// Position-blocks that were run: the sum of positions over blocks and cells, without the base
  /// runs.
  std::int64_t position_blocks = 0;
};

/// Cost of a sweep.
struct SweepCost {
  std::int64_t cells = 0;            ///< (base, cell) pairs
  std::int64_t position_blocks = 0;  ///< positions to run, summed over blocks and cells
  double flops = 0;                  ///< floating-point operations of the blocks
  double bytes = 0;  ///< most memory in addition to the model and to the values of the cells
};

/// Runs many changed runs of one prompt: activation patching, ablation and tracing are such sweeps.
///
/// Cells run in batches, each from its earliest block on and, in a causal model, from its earliest
/// position on: keys and values of earlier positions are those of the base run. A cell whose writes
/// equal the base activations in every bit is not run and gets the base metrics. Positions after
/// that of the metrics are not run. Apart from rounding, the results are those of one whole forward
/// for each cell.
/// \param model    the model to run
/// \param base     the prompt that is changed
/// \param cells    the changes
/// \param metrics  the numbers to measure
/// \param options  base runs and limits
/// \throws UsageError for a point that the block lacks (with the nearest names) or that lacks a
///   position or head axis, an index out of range, values of another shape, base hooks inside the
///   blocks, metrics that do not give equally many numbers for each row, and for a sweep that needs
///   more memory than there is
LENSBENCH_API SweepResult sweep_cells(const Model& model, const Tokens& base,
                                      const std::vector<SweepCell>& cells,
                                      const RowMetrics& metrics, const SweepOptions& options = {});

/// Metrics of one cell from one whole forward on each base, without restarts or batches: what
/// `sweep_cells` must agree with. \return [base, metric] float64
/// \throws UsageError as `sweep_cells`
LENSBENCH_API at::Tensor run_cell_alone(const Model& model, const Tokens& base,
                                        const SweepCell& cell, const RowMetrics& metrics,
                                        const SweepOptions& options = {});

/// Cost of a sweep, from shapes alone: the cells may lack their values.
/// \throws UsageError for a point that the block lacks, an index out of range
LENSBENCH_API SweepCost sweep_cost(const TransformerSpec& spec, std::int64_t length,
                                   const std::vector<SweepCell>& cells,
                                   const SweepOptions& options = {});

}  // namespace lensbench

#pragma once

#include <cstdint>
#include <lensbench/sweep.hpp>
#include <vector>

#include "model/sweep/cell_writes.hpp"

namespace lensbench {

/// Cells of one forward: they start at the same position, ordered by their first block.
using CellBatch = std::vector<const ResolvedCell*>;

/// Positions of a forward that starts at `first`.
std::int64_t columns_from(const TransformerSpec& spec, std::int64_t length,
                          std::int64_t metric_position, std::int64_t first);

/// Divides cells into batches. Cells that cannot reach the metrics' position are left out.
std::vector<CellBatch> batches_of(const TransformerSpec& spec, std::int64_t length,
                                  std::int64_t metric_position,
                                  const std::vector<ResolvedCell>& cells,
                                  const SweepOptions& options);

/// Position-blocks of a batch.
std::int64_t position_blocks(const TransformerSpec& spec, const CellBatch& batch,
                             std::int64_t columns);

SweepCost cost_of(const TransformerSpec& spec, std::int64_t length, std::int64_t metric_position,
                  const std::vector<ResolvedCell>& cells, const SweepOptions& options,
                  std::int64_t element_size);

/// \throws UsageError if the sweep needs more memory than there is
void check_memory(const SweepCost& cost, std::int64_t length, const SweepOptions& options);

}  // namespace lensbench

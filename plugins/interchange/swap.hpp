#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <lensbench/hooks.hpp>
#include <lensbench/model.hpp>
#include <vector>

namespace lensbench::interchange {

/// h + strength (source - h) B Bᵀ.
/// \param h         [row, width] float64
/// \param source    [row, width] float64
/// \param basis     B, [width, rank] float64, orthonormal columns; no column: h itself
at::Tensor exchanged(const at::Tensor& h, const at::Tensor& source, const at::Tensor& basis,
                     double strength);

/// Rows that move as far as `exchanged` moves them, but within another subspace, in the direction
/// of the source there. Rows whose source is equal there stay. \param elsewhere  the other
/// subspace, [width, rank] float64, orthonormal columns
at::Tensor moved_as_far(const at::Tensor& h, const at::Tensor& source, const at::Tensor& basis,
                        const at::Tensor& elsewhere, double strength);

/// New rows of an activation at one position of each sequence, [row, width] float64, from the old.
using RowChange = std::function<at::Tensor(const at::Tensor& rows)>;

/// Prompts that run together, and where in each column of the batch the exchanged position is.
struct PlacedBatch {
  TokenBatch tokens;
  std::vector<std::int64_t> columns;  ///< [row]

  /// \param position  negative ones count from the end of each prompt
  PlacedBatch(const std::vector<Tokens>& prompts, std::int64_t position);

  /// Rows [row, width] float64 of an activation [batch, pos, …].
  at::Tensor rows(const at::Tensor& activation) const;
  /// The activation with other rows, which are rounded once to its type.
  HookReplacer changing(RowChange change) const;

 private:
  /// Index of each row of the batch among all positions.
  at::Tensor places(const at::Tensor& activation) const;
};

}  // namespace lensbench::interchange

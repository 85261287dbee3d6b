#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/sweep.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace lensbench {

/// Hook point that every block has, and its axes.
struct SweptPoint {
  std::string name;  ///< without `blocks.{block}.`
  std::int64_t position_axis = -1, head_axis = -1, n_heads = 0;

  std::string in(std::int64_t block) const {
    return "blocks." + std::to_string(block) + "." + name;
  }
};

/// \param who   subject of messages: `patch_sweep`
/// \param name  name without the block, or short name
/// \throws UsageError for a name without a match, or without a position axis
SweptPoint swept_point(const TransformerSpec& spec, std::string_view who, const std::string& name);

/// Indices counted from the start; all of them if none are given.
/// \throws UsageError that names the range
std::vector<std::int64_t> checked_indices(std::string_view who, const char* what,
                                          std::vector<std::int64_t> given, std::int64_t size,
                                          bool from_end);

/// A write with its point found and its indices checked.
struct ResolvedWrite {
  SweptPoint point;
  std::int64_t block = 0;
  bool whole_rows = false;              ///< all positions
  std::vector<std::int64_t> positions;  ///< from the start
  std::vector<std::int64_t> heads;      ///< empty: all
  at::Tensor values;

  std::string hook() const { return point.in(block); }
  std::int64_t first_position() const;
};

/// A cell of a sweep, in the order in which it runs.
struct ResolvedCell {
  std::vector<ResolvedWrite> writes;
  std::int64_t index = 0;           ///< in the list of the caller
  std::int64_t first_position = 0;  ///< 0 in a bidirectional model
  std::int64_t first_block = 0;
};

/// Checks cells. Only shapes of the spec are used.
std::vector<ResolvedCell> resolve_cells(const TransformerSpec& spec, std::int64_t length,
                                        const std::vector<SweepCell>& cells);

/// Checks that the values of a write fit the activation of one sequence, without batch axis.
void check_values(const ResolvedWrite& write, const at::Tensor& activation);

/// Whether an activation of one sequence, without batch axis, already has the values of a write.
bool has_values(const ResolvedWrite& write, const at::Tensor& activation);

/// Writes into an activation of one row of a batch, without batch axis.
/// \param first  position of the first column that the row holds; columns that it lacks are skipped
void write_values(const ResolvedWrite& write, const at::Tensor& row, std::int64_t first);

}  // namespace lensbench

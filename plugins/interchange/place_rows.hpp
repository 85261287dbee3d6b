#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <lensbench/model.hpp>
#include <vector>

#include "plan.hpp"

namespace lensbench::interchange {

/// Activations of all pairs at a place, [pair, width] float64.
struct PlaceRows {
  at::Tensor base, source;
};

/// Bytes of the rows of one model that are kept at once.
inline constexpr std::int64_t kMostRowBytes = std::int64_t{128} << 20;

/// Rows of one model at the places of a plan. The prompts are read once at each position for as
/// many blocks as fit in memory, and for at least one.
class RowReader {
 public:
  /// \param most_bytes  bound of the rows that are kept
  RowReader(const Model& model, const InterchangePlan& plan,
            std::int64_t most_bytes = kMostRowBytes);

  /// Places are best asked for in their order.
  /// \param stop  called before each batch of a reading; throws to stop
  PlaceRows rows(const Place& place, const std::function<void()>& stop);

  /// Bytes of the rows that are kept.
  std::int64_t bytes() const;

 private:
  /// Rows of some blocks at one position, [point] [pair, width] float32.
  struct Position {
    std::vector<at::Tensor> base, source;
  };

  void read(std::size_t first, const std::function<void()>& stop);

  const Model& model_;
  const InterchangePlan& plan_;
  std::size_t most_points_;          ///< that are read at once
  std::size_t first_ = 0;            ///< first point that is kept
  std::vector<Position> positions_;  ///< of the plan; empty: nothing is kept
};

/// Rows of the sources of some pairs alone, [pair, width] float64.
at::Tensor source_rows(const Model& model, const InterchangePlan& plan, const Place& place,
                       const std::vector<std::int64_t>& chosen);

}  // namespace lensbench::interchange

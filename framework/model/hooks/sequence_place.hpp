#pragma once

#include <cstdint>
#include <lensbench/hooks.hpp>
#include <memory>
#include <utility>
#include <vector>

namespace lensbench {

/// Mapping from positions in a sequence to indices of an activation, during a forward. Position `p`
/// of row `b` (counting real tokens from 0) has index `p + padding[b] - first_column` on the axes
/// `pos` and `query_pos`, and index `p + padding[b]` on `key_pos`. Rows of an activation of a
/// vision tower are parts of pictures instead.
struct SequencePlace {
  std::int64_t first_column = 0;      ///< number of earlier columns, held in the cache
  std::int64_t columns = 0;           ///< number of columns of the activation
  std::vector<std::int64_t> padding;  ///< padding columns at the left of each row; empty: none
  /// Number of columns from whose end negative positions count; more columns may follow (see
  /// `ForwardOptions::prompt_length`).
  std::int64_t prompt_columns = 0;
  bool grows = false;  ///< true if later forwards may continue this sequence

  /// At hook points of a vision tower: the part of a picture of each index on the axes `patch` and
  /// `image_token`, or `query_patch` and `key_patch`, in the order in which the tower computes
  /// them. A replacement has the same order. Empty at all other points.
  std::vector<PicturePart> parts;
  /// Number of parts of each row of the batch; empty outside of the tower.
  std::vector<std::int64_t> parts_of_sequence;
  /// Attention of the tower is within segments (frames, windows), and the points of scores and
  /// patterns are called once for each: the number of this segment; -1 at all other points.
  std::int64_t segment = -1;
  std::int64_t segments = 0;  ///< number of segments of the block; 0 at all other points
};

/// What forward and interventions read and set in a hook point.
struct HookAccess {
  /// Mapping of the activation that a callback received; nullptr while no forward runs.
  static const std::shared_ptr<const SequencePlace>& place(const HookPoint& point) {
    return point.place_;
  }
  static void set_place(HookPoint& point, std::shared_ptr<const SequencePlace> place) {
    point.place_ = std::move(place);
  }
};

/// Mapping of a hook point that a running forward gave to a callback.
inline const SequencePlace& place_of(const HookPoint& point) {
  return *HookAccess::place(point);
}

}  // namespace lensbench

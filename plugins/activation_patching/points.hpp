#pragma once

#include <cstdint>
#include <lensbench/spec.hpp>
#include <string>
#include <vector>

namespace lensbench::patching {

/// Activation that cells replace, in every block.
struct GridPoint {
  std::string name;          ///< `resid_pre`, `z`
  bool by_head = false;      ///< one cell for each head
  std::int64_t n_heads = 0;  ///< on its head axis; 0: it lacks one
  const char* head_axis = "head";

  bool is_pattern() const { return name == "pattern"; }
  std::string prefix() const { return by_head ? name + "_head" : name; }
  /// Hook point without the block.
  std::string hook() const;
};

/// Points of a sweep, whole ones first.
/// \throws UsageError for an unknown name, a head point without heads, a point that the family
///   lacks, and if there are none
std::vector<GridPoint> grid_points(const TransformerSpec& spec,
                                   const std::vector<std::string>& points,
                                   const std::vector<std::string>& head_points);

}  // namespace lensbench::patching

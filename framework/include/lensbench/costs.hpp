#pragma once

#include <cstdint>
#include <string>

namespace lensbench {

/// Cost of one component of a model, summed over its calls.
struct ProfileEntry {
  std::int64_t block = -1;  ///< index of the block; -1: outside the blocks
  /// `embed`, `norm`, `attention`, `mlp`, `residual` (additions to the residual stream), `unembed`,
  /// `readout` (the lens' own unembedding), `setup` (masks, positions, checks), or a name of a
  /// tool. Of a vision tower, all blocks together: `vision embed`, `vision norm`,
  /// `vision attention`, `vision mlp`, `vision merger`, `vision tower` (the rest).
  std::string component;
  std::int64_t calls = 0;            ///< completed calls
  double seconds = 0;                ///< wall-clock time, without nested components
  std::int64_t allocated_bytes = 0;  ///< size of all tensors allocated during the calls
  std::int64_t peak_bytes = 0;       ///< largest size of such tensors at one moment of a call
  std::int64_t weight_bytes = 0;     ///< size of the parameters read, counted once per call
};

}  // namespace lensbench

#pragma once

#include <cstdint>
#include <string>

namespace lensbench {

/// What one component of a model cost, over all its calls.
struct ProfileEntry {
  std::int64_t block = -1;  ///< -1: outside the blocks
  /// `embed`, `norm`, `attention`, `mlp`, `residual` (what a block adds up), `unembed`, `readout`
  /// (the lens' own unembedding), `setup` (masks, positions, checks); tools may add their own.
  std::string component;
  std::int64_t calls = 0;            ///< scopes that ended
  double seconds = 0;                ///< wall clock, without that of components within
  std::int64_t allocated_bytes = 0;  ///< of tensors made while it ran, those it dropped included
  std::int64_t peak_bytes = 0;       ///< most of those alive at once in one call
  std::int64_t weight_bytes = 0;     ///< of parameters read, once a call
};

}  // namespace lensbench

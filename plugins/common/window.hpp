#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace lensbench::tracing {

/// Blocks that a restoration around `block` takes: from block - floor(window / 2) to block +
/// ceil(window / 2) - 1, as far as the model has them.
inline std::vector<std::int64_t> window_blocks(std::int64_t block, std::int64_t window,
                                               std::int64_t n_blocks) {
  // Floor and ceiling as in the authors' code, so that a window of even size begins earlier.
  const std::int64_t first = std::max<std::int64_t>(0, block - window / 2);
  const std::int64_t end = std::min(n_blocks, block + (window + 1) / 2);
  std::vector<std::int64_t> blocks;
  for (std::int64_t l = first; l < end; ++l) blocks.push_back(l);
  return blocks;
}

}  // namespace lensbench::tracing

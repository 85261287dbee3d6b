#include "archive/hdf5/read_limits.hpp"

#include <algorithm>
#include <cstdlib>

namespace lensbench {

/// A value that is not a number counts as 0, and so does a negative one.
std::uint64_t extra_gib() {
  const char* text = std::getenv("LENSBENCH_READ_GIB");
  constexpr long long kMost = 1 << 20;
  return text == nullptr ? 0 : static_cast<std::uint64_t>(std::clamp(std::atoll(text), 0LL, kMost));
}

}  // namespace lensbench

#pragma once

#include <lensbench/export.hpp>
#include <vector>

namespace lensbench {

/// Most memory this process had resident during spans of time, which may lie within each other.
/// The system counts one peak a process, which each span starts anew; use one of these at a time.
class LENSBENCH_API PeakMemory {
 public:
  void begin();
  /// Bytes since the innermost `begin` that has no `end` yet; NaN where the system cannot tell.
  double end() noexcept;
  /// Most over the whole life of the process; NaN where the system does not say.
  double overall() noexcept;

 private:
  double read_all() noexcept;
  std::vector<double> open_;  ///< most seen so far in each span that is not over
  double overall_ = 0;
  bool known_ = true;
};

}  // namespace lensbench

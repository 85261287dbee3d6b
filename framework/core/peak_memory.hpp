#pragma once

#include <vector>

namespace lensbench {

/// Peak resident memory of this process during spans of time, which may be nested. The system keeps
/// one peak per process and each span resets it, so use one object of this class at a time.
class PeakMemory {
 public:
  void begin();
  /// Ends the innermost open span. \return its peak in bytes; NaN if the system does not report it
  double end() noexcept;
  /// Peak in bytes since the start of the process; NaN if the system does not report it.
  double overall() noexcept;

 private:
  double read_all() noexcept;
  std::vector<double> open_;  ///< peak so far of each open span
  double overall_ = 0;
  bool known_ = true;
};

}  // namespace lensbench

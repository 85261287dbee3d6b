#include "core/peak_memory.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <limits>

// Peak of resident memory by the kernel's own count (VmHWM), which also counts memory that
// libraries allocate. The functions that read it do not allocate, so that measuring does not change
// the result.

namespace lensbench {
namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

/// Peak resident memory in bytes since the last reset; negative if it cannot be read.
double resident_peak() noexcept {
  std::array<char, 8192> text{};
  const int file = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
  if (file < 0) return -1;
  const ssize_t length = read(file, text.data(), text.size() - 1);
  close(file);
  const char* field = length > 0 ? std::strstr(text.data(), "VmHWM:") : nullptr;
  return field == nullptr ? -1 : std::strtod(field + std::strlen("VmHWM:"), nullptr) * 1024;
}

/// Resets the peak of this process to its current resident memory: proc(5), clear_refs, value 5.
bool reset_resident_peak() noexcept {
  const int file = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
  if (file < 0) return false;
  const bool done = write(file, "5", 1) == 1;
  close(file);
  return done;
}

}  // namespace

/// Records the peak in every open span, before a reset discards it.
/// \return the peak; negative if it cannot be read
double PeakMemory::read_all() noexcept {
  const double now = resident_peak();
  overall_ = std::max(overall_, now);
  for (double& most : open_) most = std::max(most, now);
  return now;
}

/// Resets the kernel's count, after the peak so far was noted in all enclosing spans.
void PeakMemory::begin() {
  known_ = known_ && read_all() >= 0 && reset_resident_peak();
  open_.push_back(0);
}

/// After one failure the peaks of all spans are unknown, since the count may include an earlier
/// span.
double PeakMemory::end() noexcept {
  known_ = known_ && read_all() >= 0;
  const double most = open_.back();
  open_.pop_back();
  return known_ ? most : kUnknown;
}

double PeakMemory::overall() noexcept {
  return read_all() >= 0 ? overall_ : kUnknown;
}

}  // namespace lensbench

#pragma once

#include <cstdint>

namespace lensbench::benchmarks {

/// Wall clock and processor time (user and system, all threads) of this process, in seconds. On a
/// machine that others use, the processor time is the steadier of the two.
struct Clock {
  double wall_s = 0;
  double cpu_s = 0;
  double user_s = 0;  ///< the part of `cpu_s` outside of the system

  static Clock now();
  Clock& operator+=(const Clock& more) {
    wall_s += more.wall_s;
    cpu_s += more.cpu_s;
    user_s += more.user_s;
    return *this;
  }
  Clock operator-(const Clock& earlier) const {
    return {wall_s - earlier.wall_s, cpu_s - earlier.cpu_s, user_s - earlier.user_s};
  }
};

/// Most memory resident since the last reset, and resident now, in bytes; 0 where the system does
/// not say.
std::int64_t peak_resident_bytes();
std::int64_t resident_bytes();
/// \return false where the system cannot reset it: the peak is then of the whole process
bool reset_peak_resident();

}  // namespace lensbench::benchmarks

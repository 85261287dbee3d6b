#pragma once

#include <chrono>

namespace lensbench {

/// Says when long work keeps its state: half a minute after the last time.
class HalfMinutes {
 public:
  /// Whether half a minute has passed since this was true last, or since the beginning.
  bool passed() {
    const auto now = std::chrono::steady_clock::now();
    if (now - last_ < std::chrono::seconds(30)) return false;
    last_ = now;
    return true;
  }

 private:
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

}  // namespace lensbench

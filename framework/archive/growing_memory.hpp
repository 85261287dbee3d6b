#pragma once

#include <cstddef>

namespace lensbench::hdf5 {

/// Memory for libhdf5's core driver in pages as large as the system gives: with pages of 4 KiB half
/// of the time that a large image takes goes into their faults.
class GrowingMemory {
 public:
  GrowingMemory() = default;
  ~GrowingMemory();
  GrowingMemory(const GrowingMemory&) = delete;
  GrowingMemory& operator=(const GrowingMemory&) = delete;

  /// At least `bytes`, with what was there before. \return null if the system has no more
  void* resize(std::size_t bytes);

 private:
  void* memory_ = nullptr;
  std::size_t mapped_ = 0;
};

}  // namespace lensbench::hdf5

#pragma once

#include <cstddef>

namespace lensbench::hdf5 {

/// Memory for a large HDF5 image, in pages as large as the system gives: faults of 4 KiB pages take
/// two fifths of the time in which such an image is made and written. Its bytes are 0 at first.
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

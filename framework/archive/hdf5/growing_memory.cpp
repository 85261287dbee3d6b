#include "archive/hdf5/growing_memory.hpp"

#include <sys/mman.h>

namespace lensbench::hdf5 {

GrowingMemory::~GrowingMemory() {
  if (memory_ != nullptr) ::munmap(memory_, mapped_);
}

void* GrowingMemory::resize(std::size_t bytes) {
  if (bytes <= mapped_) return memory_;
  void* moved = memory_ == nullptr ? ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                                            MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
                                   : ::mremap(memory_, mapped_, bytes, MREMAP_MAYMOVE);
  if (moved == MAP_FAILED) return nullptr;
  memory_ = moved;
  mapped_ = bytes;
  ::madvise(memory_, mapped_, MADV_HUGEPAGE);  // without huge pages, the system uses small ones
  return memory_;
}

}  // namespace lensbench::hdf5

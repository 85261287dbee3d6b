#include "archive/hdf5/growing_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <lensbench/error.hpp>
#include <string>

// A file that libhdf5 writes as if it were memory. With its own file driver, libhdf5 ends the
// process with a segmentation fault when the disk is full (docs/decisions/packs.md). Here every
// error of the disk occurs in this file, and libhdf5 sees memory that always grows.

namespace lensbench::hdf5 {
namespace {

// Address space without reserved memory: most of it is replaced by the mapping of the file.
constexpr int kAnonymous = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;

std::byte* map(std::size_t bytes, int flags, int file) {
  void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, flags, file, 0);
  return memory == MAP_FAILED ? nullptr : static_cast<std::byte*>(memory);
}

}  // namespace

GrowingFile::GrowingFile(std::filesystem::path path) : path_(std::move(path)) {
  constexpr int kFlags = O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC;
  file_ = FileDescriptor(uninterrupted([&] { return ::open(path_.c_str(), kFlags, 0666); }));
  if (!file_) throw RunError(path_.string() + ": cannot be created: " + errno_text(errno));
}

GrowingFile::~GrowingFile() {
  unmap();
  if (!finished_) ::unlink(path_.c_str());
}

/// Both parts of the memory are adjacent, so one call removes them.
void GrowingFile::unmap() {
  if (memory_ != nullptr) ::munmap(memory_, mapped_ + beyond_);
  memory_ = nullptr;
  mapped_ = beyond_ = 0;
}

/// Allocates disk space. \return 0 or the error, which posix_fallocate returns instead of setting
/// errno
int GrowingFile::allocate(std::size_t bytes) {
  int error = EINTR;
  while (error == EINTR)
    error = ::posix_fallocate(file_.get(), static_cast<off_t>(mapped_),
                              static_cast<off_t>(bytes - mapped_));
  return error;
}

/// Called by libhdf5 for more space. Null would be an error inside libhdf5, and is returned only if
/// the system lacks address space.
void* GrowingFile::resize(std::size_t bytes) {
  if (bytes <= mapped_ + beyond_) return memory_;  // the memory never shrinks before the end
  // Disk space is allocated, because a write to a mapped hole on a full disk kills the process.
  // After a first error of the disk, all further space is anonymous memory.
  const int error = error_ != 0 ? error_ : allocate(bytes);
  if (error != 0) {
    continue_in_memory(bytes, error);
    return bytes <= mapped_ + beyond_ ? memory_ : nullptr;
  }
  void* moved = memory_ == nullptr ? static_cast<void*>(map(bytes, MAP_SHARED, file_.get()))
                                   : ::mremap(memory_, mapped_, bytes, MREMAP_MAYMOVE);
  if (moved == nullptr || moved == MAP_FAILED) return nullptr;
  memory_ = static_cast<std::byte*>(moved);
  mapped_ = bytes;
  return memory_;
}

/// Makes one contiguous range of the mapping of the file, followed by anonymous memory for what the
/// disk could not take. The archive is lost already and `check` reports it; only libhdf5 must be
/// able to finish its calls.
void GrowingFile::continue_in_memory(std::size_t bytes, int error) {
  error_ = error;
  wanted_ = bytes;
  std::byte* whole = map(bytes, kAnonymous, -1);
  if (whole == nullptr) return;  // libhdf5 keeps its memory, which remains valid
  // The mapping of the file moves to the start of the new range.
  if (mapped_ > 0) ::mremap(memory_, mapped_, mapped_, MREMAP_MAYMOVE | MREMAP_FIXED, whole);
  // The content of earlier anonymous memory is copied after it and the old memory is released.
  if (beyond_ > 0) {
    std::memcpy(whole + mapped_, memory_ + mapped_, beyond_);
    ::munmap(memory_ + mapped_, beyond_);
  }
  memory_ = whole;
  beyond_ = bytes - mapped_;
}

void GrowingFile::check() const {
  if (error_ != 0)
    throw RunError(path_.string() + ": cannot grow to " + std::to_string(wanted_) +
                   " bytes: " + errno_text(error_));
}

/// Pages of a shared mapping can be released at any time without a loss, so that a large archive
/// does not count as memory of the run.
void GrowingFile::relieve() {
  if (mapped_ > 0) ::madvise(memory_, mapped_, MADV_DONTNEED);
}

void GrowingFile::finish(std::size_t bytes) {
  check();
  // The driver's size is a multiple of its growth step; what follows the content is cut off.
  unmap();
  if (uninterrupted([&] { return ::ftruncate(file_.get(), static_cast<off_t>(bytes)); }) != 0)
    throw RunError(path_.string() + ": cannot be truncated to its size: " + errno_text(errno));
  // fsync is never retried: after a failure the kernel may have dropped the dirty pages.
  if (uninterrupted([&] { return ::fsync(file_.get()); }) != 0)
    throw RunError(path_.string() + ": cannot be synced to disk: " + errno_text(errno));
  if (file_.close() != 0)
    throw RunError(path_.string() + ": cannot be closed: " + errno_text(errno));
  finished_ = true;
}

}  // namespace lensbench::hdf5

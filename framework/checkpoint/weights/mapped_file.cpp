#include "checkpoint/weights/mapped_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <lensbench/error.hpp>
#include <utility>

// Read-only mapping of a file of weights. Weights are used from the page cache and not copied, so
// that opening a model does not read them and processes with one model share its memory.

namespace lensbench {
namespace {

[[noreturn]] void fail(const std::filesystem::path& path, const std::string& fault) {
  throw InputError(path.string() + ": " + fault);
}

/// Owner of a descriptor until the mapping has succeeded.
class Descriptor {
 public:
  // With O_NONBLOCK, opening a FIFO does not wait for a writer.
  explicit Descriptor(const std::filesystem::path& path)
      : value_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
    if (value_ < 0) fail(path, std::string("cannot be opened: ") + std::strerror(errno));
  }
  ~Descriptor() {
    if (value_ >= 0) ::close(value_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return value_; }
  int release() { return std::exchange(value_, -1); }

 private:
  int value_;
};

}  // namespace

MappedFile::MappedFile(std::filesystem::path path) : path_(std::move(path)) {
  Descriptor descriptor(path_);
  struct stat status {};
  // Facts of the open file and not of the path, which may be replaced meanwhile.
  if (::fstat(descriptor.get(), &status) != 0) fail(path_, std::strerror(errno));
  if (!S_ISREG(status.st_mode)) fail(path_, "is not a regular file");
  size_ = static_cast<std::size_t>(status.st_size);
  modified_ = status.st_mtim;
  // mmap refuses a length of 0.
  if (size_ > 0) {
    void* memory = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, descriptor.get(), 0);
    if (memory == MAP_FAILED)
      fail(path_, std::string("cannot be mapped into memory: ") + std::strerror(errno));
    data_ = static_cast<const char*>(memory);
  }
  // The descriptor remains open for `require_unchanged`.
  descriptor_ = descriptor.release();
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<char*>(data_), size_);
  ::close(descriptor_);
}

/// A file that is being downloaded or replaced would give tensors of two models. The time of the
/// last write is compared as well, since a rewrite may keep the size.
void MappedFile::require_unchanged() const {
  struct stat now {};
  if (::fstat(descriptor_, &now) != 0) fail(path_, std::strerror(errno));
  const auto size = static_cast<std::size_t>(now.st_size);
  if (size != size_)
    fail(path_, "changed while it was in use (" + std::to_string(size) + " bytes now, " +
                    std::to_string(size_) +
                    " bytes when it was opened); run again when the file is complete");
  if (now.st_mtim.tv_sec != modified_.tv_sec || now.st_mtim.tv_nsec != modified_.tv_nsec)
    fail(path_, "was rewritten while it was in use; run again when the file is complete");
}

}  // namespace lensbench

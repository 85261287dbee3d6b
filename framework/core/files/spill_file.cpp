#include "core/files/spill_file.hpp"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <lensbench/error.hpp>
#include <string>

// Unnamed temporary file. Its name is removed at once, so the system frees the disk space however
// the process ends.

namespace lensbench {

SpillFile::SpillFile(std::filesystem::path folder)
    : folder_(folder.empty() ? std::filesystem::temp_directory_path() : std::move(folder)) {
  std::string name = (folder_ / "lensbench-spill-XXXXXX").string();
  file_ = FileDescriptor(::mkostemp(name.data(), O_CLOEXEC));
  if (!file_)
    throw RunError(folder_.string() + ": cannot create a temporary file: " + errno_text(errno));
  ::unlink(name.c_str());
}

std::int64_t SpillFile::append(std::span<const std::byte> bytes) {
  const std::int64_t page = ::sysconf(_SC_PAGESIZE);
  // Mappings begin at pages, so every append does too.
  const std::int64_t start = (size_ + page - 1) / page * page;
  std::int64_t at = start;
  while (!bytes.empty()) {
    const ssize_t n = ::pwrite(file_.get(), bytes.data(), bytes.size(), at);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0)
      throw RunError(folder_.string() + ": the temporary file cannot grow beyond " +
                     std::to_string(at) + " bytes: " + errno_text(errno) +
                     "; use a folder with more free space, or more memory");
    bytes = bytes.subspan(static_cast<std::size_t>(n));
    at += n;
  }
  size_ = at;
  return start;
}

std::shared_ptr<void> SpillFile::map(std::int64_t offset, std::size_t bytes) const {
  // A private mapping: pages are copied when they are written to, and the file remains as it is.
  void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE, file_.get(), offset);
  if (memory == MAP_FAILED)
    throw RunError(folder_.string() +
                   ": the temporary file cannot be mapped: " + errno_text(errno));
  return {memory, [bytes](void* mapped) { ::munmap(mapped, bytes); }};
}

}  // namespace lensbench

#include "core/files/regular_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <lensbench/error.hpp>

#include "core/files/file_descriptor.hpp"
#include "core/text/lfs_pointer.hpp"

// Reading of whole files that come from elsewhere. The kind and the size are those of the open file
// and not of its path, which may be replaced between a check and the opening.

namespace lensbench {
namespace {

/// With O_NONBLOCK, opening a FIFO does not wait for a writer.
FileDescriptor open_to_read(const std::filesystem::path& path) {
  return FileDescriptor(
      uninterrupted([&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK); }));
}

}  // namespace

std::string read_regular_file(const std::filesystem::path& path, std::uint64_t most_bytes,
                              const std::string& advice) {
  const auto refuse = [&](const std::string& why) {
    throw InputError(path.string() + ": cannot be read: " + why +
                     (advice.empty() ? "" : "; " + advice));
  };
  const FileDescriptor file = open_to_read(path);
  if (!file) refuse(errno_text(errno));
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) refuse(errno_text(errno));
  if (!S_ISREG(status.st_mode)) refuse("it is not a regular file");
  const auto size = static_cast<std::uint64_t>(status.st_size);
  if (size > most_bytes)
    throw InputError(path.string() + ": too large (" + std::to_string(size) + " bytes, at most " +
                     std::to_string(most_bytes) + " are allowed)");
  std::string text(size, '\0');
  std::size_t got = 0;
  while (got < text.size()) {
    const ssize_t n =
        uninterrupted([&] { return ::read(file.get(), text.data() + got, text.size() - got); });
    if (n < 0) refuse(errno_text(errno));
    if (n == 0) break;  // the file was truncated after the look at its size
    got += static_cast<std::size_t>(n);
  }
  text.resize(got);
  refuse_lfs_pointer(text, path.string());
  return text;
}

void refuse_lfs_pointer_file(const std::filesystem::path& path) {
  const FileDescriptor file = open_to_read(path);
  struct stat status {};
  if (!file || ::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) return;
  std::string beginning(64, '\0');
  const ssize_t got =
      uninterrupted([&] { return ::read(file.get(), beginning.data(), beginning.size()); });
  beginning.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
  refuse_lfs_pointer(beginning, path.string());
}

}  // namespace lensbench

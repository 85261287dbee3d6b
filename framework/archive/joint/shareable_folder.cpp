#include "archive/joint/shareable_folder.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <lensbench/error.hpp>
#include <string>

#include "archive/run/pack_files.hpp"
#include "core/files/file_descriptor.hpp"

// Object stores that look like a folder often lack one of these calls, or only pretend to have it.

namespace lensbench {
namespace {

using std::filesystem::path;

[[noreturn]] void refuse_folder(const path& folder, const std::string& what) {
  throw UsageError(folder.string() + ": " + what +
                   ", which several processes need that work on one run; choose a folder on "
                   "another file system, or run in one process");
}

FileDescriptor create_exclusively(const path& file) {
  return FileDescriptor(uninterrupted(
      [&] { return ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666); }));
}

/// Files of the test, which are removed however it ends.
struct TestFiles {
  path file, second;
  ~TestFiles() {
    ::unlink(second.c_str());
    ::unlink(file.c_str());
  }
};

}  // namespace

/// A call that reports success is not enough: the second creation must fail, and the second name
/// must be that of the same file.
void require_shareable(const path& folder) {
  const TestFiles files{folder / "test", folder / "test-link"};
  const FileDescriptor file = create_exclusively(files.file);
  if (!file) throw_file_error(files.file, "cannot be created", errno);
  if (create_exclusively(files.file))
    refuse_folder(folder,
                  "a file that exists can be created again (exclusive creation is missing)");
  if (uninterrupted([&] { return ::write(file.get(), "test", 4); }) != 4)
    throw_file_error(files.file, "cannot be written", errno);
  if (uninterrupted([&] { return ::fsync(file.get()); }) != 0)
    refuse_folder(folder, "files cannot be synced (fsync: " + errno_text(errno) + ")");
  const int error = ::link(files.file.c_str(), files.second.c_str()) == 0 ? 0 : errno;
  // A network file system may repeat a request whose answer was lost, and then report an error.
  const bool is_linked = is_same_file(files.file, files.second);
  if (!is_linked && error != 0)
    refuse_folder(folder, "files cannot have a second name (link: " + errno_text(error) + ")");
  if (!is_linked) refuse_folder(folder, "a second name is that of a copy (link)");
  if (::link(files.file.c_str(), files.second.c_str()) == 0)
    refuse_folder(folder, "a name that exists can be given again (link)");
}

}  // namespace lensbench

#include "archive/run_folder.hpp"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>
#include <lensbench/error.hpp>
#include <system_error>

#include "core/atomic_file.hpp"

namespace lensbench {
namespace {

using std::filesystem::path;

void make_folder(const path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) throw RunError(folder.string() + ": cannot be created: " + error.message());
}

FileDescriptor lock(const path& file) {
  FileDescriptor descriptor(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666));
  if (!descriptor) throw RunError(file.string() + ": cannot be opened: " + errno_text(errno));
  if (::flock(descriptor.get(), LOCK_EX | LOCK_NB) == 0) return descriptor;
  if (errno == EWOULDBLOCK)
    throw UsageError(
        file.parent_path().string() +
        ": another lensbench is writing this run; wait for it or choose another --out");
  throw RunError(file.string() + ": cannot be locked: " + errno_text(errno));
}

}  // namespace

std::filesystem::path run_folder_of(const path& archive) {
  return path(archive).replace_extension(".run");
}

RunFolder::RunFolder(std::filesystem::path folder) : path_(std::move(folder)) {
  make_folder(path_);
  lock_ = lock(path_ / "LOCK");
  make_folder(path_ / "units");
  std::error_code ignored;
  std::filesystem::remove_all(temporary(), ignored);
  make_folder(temporary());
  sync_folder(path_);
  sync_folder(path_.parent_path());
}

std::size_t RunFolder::unit_count() const {
  std::error_code ignored;
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(path_ / "units", ignored))
    count += entry.path().extension() == ".h5";
  return count;
}

void RunFolder::quarantine(const std::string& key) const {
  make_folder(path_ / "quarantine");
  publish_file(unit(key), path_ / "quarantine" / (key + ".h5"));
}

void RunFolder::remove() {
  std::error_code error;
  std::filesystem::remove_all(path_, error);
  if (error)
    throw RunError(path_.string() + ": cannot be removed: " + error.message() +
                   "; the archive is complete, remove the folder by hand");
  lock_.close();
}

}  // namespace lensbench

#include "core/files/new_folder.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <lensbench/error.hpp>
#include <string>
#include <system_error>

#include "core/files/atomic_file.hpp"
#include "core/files/file_descriptor.hpp"

// Output folders that appear under their name only when all files are written.

namespace lensbench {
namespace {

namespace fs = std::filesystem;

/// A folder of the user is never written into unless it is empty.
void require_free(const fs::path& target) {
  std::error_code error;
  const auto status = fs::symlink_status(target, error);
  if (status.type() == fs::file_type::not_found) return;
  if (status.type() == fs::file_type::directory && fs::is_empty(target, error) && !error) return;
  throw UsageError(target.string() +
                   ": exists already; name a folder that does not exist or is empty");
}

/// Opened for reading: fsync writes what other descriptors have written too.
void sync_file(const fs::path& file) {
  const FileDescriptor open_file(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!open_file || ::fsync(open_file.get()) != 0)
    throw RunError(file.string() + ": cannot be synced to disk: " + errno_text(errno));
}

}  // namespace

NewFolder::NewFolder(const fs::path& target) : target_(fs::absolute(target).lexically_normal()) {
  if (target.empty()) throw UsageError("output folder: the name is empty; give a path");
  if (!target_.has_filename()) target_ = target_.parent_path();  // the path ended in a slash
  require_free(target_);
  // The temporary folder is next to the target, so that the rename stays within one file system;
  // the dot hides it from listings.
  const fs::path temporary = target_.parent_path() / ("." + target_.filename().string() + ".part-" +
                                                      std::to_string(::getpid()));
  std::error_code error;
  fs::create_directories(target_.parent_path(), error);
  if (!error) fs::remove_all(temporary, error);
  if (!error) fs::create_directory(temporary, error);
  if (error) throw RunError(target_.string() + ": cannot be created: " + error.message());
  temporary_ = temporary;
}

NewFolder::~NewFolder() {
  std::error_code ignored;
  if (!temporary_.empty()) fs::remove_all(temporary_, ignored);
}

/// Files first, then the folder with their names, then the name of the folder.
void NewFolder::publish() {
  for (const auto& entry : fs::directory_iterator(temporary_)) sync_file(entry.path());
  sync_folder(temporary_);
  // The target may have been created meanwhile.
  require_free(target_);
  publish_file(temporary_, target_);  // rename(2) of a folder replaces nothing but an empty folder
  temporary_.clear();
}

}  // namespace lensbench

#include "archive/run/run_folder.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <initializer_list>
#include <lensbench/error.hpp>
#include <system_error>
#include <thread>

#include "core/files/atomic_file.hpp"

// Folder of a run and its lock. The lock is `flock` on an open file: the kernel releases it when
// the process ends in any way, so that a kill never leaves a run locked.

namespace lensbench {
namespace {

using std::filesystem::path;

FileDescriptor lock(const path& file) {
  FileDescriptor descriptor(uninterrupted(
      [&] { return ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666); }));
  if (!descriptor) throw RunError(file.string() + ": cannot be opened: " + errno_text(errno));
  struct stat opened {};
  const bool locked =
      uninterrupted([&] { return ::flock(descriptor.get(), LOCK_EX | LOCK_NB); }) == 0;
  // A run that ended between open and lock has removed the locked file.
  const bool gone = locked && ::fstat(descriptor.get(), &opened) == 0 && opened.st_nlink == 0;
  if (locked && !gone) return descriptor;
  if (gone || errno == EWOULDBLOCK)
    throw UsageError(file.parent_path().string() +
                     ": another process is writing this run; wait for it or choose another file");
  throw RunError(file.string() + ": cannot be locked: " + errno_text(errno));
}

/// File of the note of a process that shares a run.
FileDescriptor open_note(const path& file) {
  FileDescriptor descriptor(uninterrupted([&] {
    return ::open(file.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
  }));
  if (!descriptor) throw RunError(file.string() + ": cannot be created: " + errno_text(errno));
  return descriptor;
}

// The note fills a block of this size, so that a shorter text replaces a longer one. Several
// threads may name a task each.
constexpr std::size_t kNoteBytes = 1024;

/// Note of the process that had the lock before; empty if it could not be read.
std::string read_note(int file) {
  std::array<char, kNoteBytes> text{};
  const ssize_t got = uninterrupted([&] { return ::pread(file, text.data(), text.size(), 0); });
  return got <= 0 ? "" : std::string(text.data(), strnlen(text.data(), text.size()));
}

}  // namespace

/// Each new folder is synced in its parent, parents first: a folder whose entry is lost in a power
/// cut would take its files with it.
void make_folder(const path& folder) {
  std::error_code error;
  if (folder.empty() || std::filesystem::is_directory(folder, error)) return;
  make_folder(folder.parent_path());
  std::filesystem::create_directory(folder, error);
  if (error) throw RunError(folder.string() + ": cannot be created: " + error.message());
  try {
    sync_folder(folder.parent_path());
  } catch (...) {
    // A later call would find the folder and not sync its name again.
    std::filesystem::remove(folder, error);
    throw;
  }
}

std::filesystem::path run_folder_of(const path& archive) {
  return path(archive).replace_extension(".run");
}

void refuse_earlier_layout(const path& run) {
  std::error_code ignored;
  if (std::filesystem::exists(run / "plan.json", ignored))
    throw UsageError(
        run.string() +
        ": an interrupted run of an earlier version of lensbench, which kept each case "
        "in a file of its own; resume it with that version, or remove the folder");
}

/// The lock comes before everything that changes the folder. The note of the previous process is
/// read before this one writes its own.
RunFolder::RunFolder(std::filesystem::path folder) : path_(std::move(folder)) {
  make_folder(path_);
  refuse_earlier_layout(path_);
  lock_ = lock(path_ / "LOCK");
  last_note_ = read_note(lock_.get());
  make_folder(path_ / "packs");
  std::error_code ignored;
  std::filesystem::remove_all(temporary(), ignored);
  make_folder(temporary());
  // Existing folders are synced too: a process that created them may have been killed before.
  sync_folder(path_ / "packs");
  sync_folder(path_);
  sync_folder(path_.parent_path());
}

/// The folders that others made are synced too, since their makers may have been killed before.
RunFolder::RunFolder(std::filesystem::path folder, std::string writer)
    : path_(std::move(folder)), writer_(std::move(writer)) {
  make_folder(path_);
  refuse_earlier_layout(path_);
  make_folder(path_ / "packs");
  make_folder(temporary());
  make_folder(notes());
  lock_ = open_note(notes() / writer_);
  sync_folder(path_);
  sync_folder(path_.parent_path());
}

/// A process that is killed leaves its note. It is closed before it is removed: a network file
/// system keeps a removed file under another name while it is open, and thus its folder.
RunFolder::~RunFolder() {
  if (!is_shared()) return;
  lock_.close();
  std::error_code ignored;
  std::filesystem::remove(notes() / writer_, ignored);
  std::filesystem::remove_all(temporary(), ignored);
}

bool RunFolder::has_owner() const {
  const FileDescriptor file(uninterrupted(
      [&] { return ::open((path_ / "LOCK").c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW); }));
  // Where there are no locks, nothing is known of the other process.
  return file && uninterrupted([&] { return ::flock(file.get(), LOCK_EX | LOCK_NB); }) != 0 &&
         errno == EWOULDBLOCK;
}

std::vector<std::string> RunFolder::notes_of_others() const {
  std::vector<std::string> found;
  std::error_code ignored;
  for (std::filesystem::directory_iterator entry(notes(), ignored), end; !ignored && entry != end;
       entry.increment(ignored)) {
    if (entry->path().filename() == writer_) continue;
    const FileDescriptor file(uninterrupted(
        [&] { return ::open(entry->path().c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW); }));
    if (std::string note = file ? read_note(file.get()) : ""; !note.empty())
      found.push_back(std::move(note));
  }
  return found;
}

void RunFolder::make_states() const {
  make_folder(states());
}

/// A state of any process of the run will do: it is of the same work, on the same inputs. Those of
/// a process that had the run alone lie in the folder of the states itself.
std::vector<path> RunFolder::state_files(const std::string& key, const std::string& name) const {
  const std::filesystem::path own = state_file(key, name), all = path_ / "states";
  std::vector<std::filesystem::path> files;
  const auto add = [&](const std::filesystem::path& file) {
    std::error_code missing;
    if (std::filesystem::exists(file, missing)) files.push_back(file);
  };
  add(own);
  if (!is_shared()) return files;
  add(all / own.filename());
  std::error_code ignored;
  for (std::filesystem::directory_iterator entry(all, ignored), end; !ignored && entry != end;
       entry.increment(ignored))
    if (entry->path().filename() != writer_) add(entry->path() / own.filename());
  return files;
}

/// States belong to a key, not to a number: a changed request never finds the states of another.
void RunFolder::remove_states(const std::string& key) const {
  std::error_code ignored;
  if (!std::filesystem::exists(states(), ignored)) return;
  for (const auto& entry : std::filesystem::directory_iterator(states(), ignored))
    if (entry.path().filename().string().starts_with(key + "."))
      std::filesystem::remove(entry.path(), ignored);
}

/// One write of a whole block into the lock file, or the file of the process. It is not synced: the
/// page cache survives a crash of the process, which is all that the note is for.
void RunFolder::note(std::string_view text) const {
  std::array<char, kNoteBytes> block{};
  text.copy(block.data(), block.size() - 1);
  [[maybe_unused]] const ssize_t written =
      uninterrupted([&] { return ::pwrite(lock_.get(), block.data(), block.size(), 0); });
}

namespace {

/// Removes a file or folder. Another process that shares the folder, and ends at this moment, may
/// be removing its own files in it, which looks like an error here.
void remove_whole(const path& part, std::error_code& error) {
  constexpr std::chrono::milliseconds kPause{50};
  std::filesystem::remove_all(part, error);
  for (int attempt = 0; attempt < 20 && (error == std::errc::no_such_file_or_directory ||
                                         error == std::errc::directory_not_empty);
       ++attempt) {
    std::this_thread::sleep_for(kPause);
    std::filesystem::remove_all(part, error);
  }
}

/// Removes files and folders in the order given, which decides what a kill leaves.
void remove_parts(std::initializer_list<path> parts) {
  std::error_code error;
  for (const path& part : parts) {
    remove_whole(part, error);
    if (error)
      throw RunError(part.string() + ": cannot be removed: " + error.message() +
                     "; its content is not needed, remove the folder by hand");
  }
}

}  // namespace

/// Units of a run whose plan was never complete cannot be attributed to a request.
void RunFolder::remove_units() const {
  remove_parts({path_ / "packs", path_ / "open", path_ / "states"});
  make_folder(path_ / "packs");
}

/// READY first: without it the remains are not a run. The folder itself comes last, before the
/// lock. The note of a process that shares the folder is not a lock, and is closed as in the
/// destructor.
void RunFolder::remove() {
  if (is_shared()) lock_.close();
  remove_parts({plan() / "READY", plan(), command(), path_ / "open", path_ / "packs",
                path_ / "states", path_ / "tmp", path_});
  lock_.close();
}

}  // namespace lensbench

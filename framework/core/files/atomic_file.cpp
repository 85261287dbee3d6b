#include "core/files/atomic_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <lensbench/error.hpp>
#include <ostream>
#include <streambuf>
#include <string>

#include "core/files/file_descriptor.hpp"

// Files that exist as a whole or not at all, whatever ends the process: the content is written
// under another name, synced, and then renamed. docs/decisions/packs.md has the measurements for
// this order.

namespace lensbench {
namespace {

using std::filesystem::path;

[[noreturn]] void fail(const path& file, const std::string& what, int error) {
  throw RunError(file.string() + ": " + what + ": " + errno_text(error));
}

/// Removes a temporary file unless it was renamed.
class Temporary {
 public:
  explicit Temporary(path name) : name_(std::move(name)) {}
  ~Temporary() {
    if (!name_.empty()) ::unlink(name_.c_str());
  }
  Temporary(const Temporary&) = delete;
  Temporary& operator=(const Temporary&) = delete;
  const path& name() const { return name_; }
  void keep() { name_.clear(); }

 private:
  path name_;
};

/// Name for the unfinished file, with the process id, so that two processes do not share it.
path temporary_name(const path& target, const path& folder) {
  const path parent = folder.empty() ? target.parent_path() : folder;
  return parent / (target.filename().string() + ".part-" + std::to_string(::getpid()));
}

/// Creates a file that does not exist. O_NOFOLLOW refuses a link that somebody else put in its
/// place.
FileDescriptor create_exclusive(const path& file) {
  constexpr int kFlags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  const auto create = [&] {
    return FileDescriptor(uninterrupted([&] { return ::open(file.c_str(), kFlags, 0666); }));
  };
  FileDescriptor created = create();
  if (created || errno != EEXIST) return created;
  // The file is the remains of an ended process with our process id: no other process uses the
  // name.
  ::unlink(file.c_str());
  return create();
}

/// Writes all bytes: a write may be cut short by a signal or a full disk.
void write_all(const FileDescriptor& file, std::span<const std::byte> bytes, const path& target) {
  while (!bytes.empty()) {
    const ssize_t n =
        uninterrupted([&] { return ::write(file.get(), bytes.data(), bytes.size()); });
    if (n < 0)
      fail(target, "cannot be written (" + std::to_string(bytes.size()) + " bytes left)", errno);
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
}

/// Replaces `target` by a temporary file that `fill` wrote. The order makes the write durable: the
/// data is synced before the rename, so the new name never refers to an incomplete file; the folder
/// is synced after it, so that the new name itself survives a power cut.
template <class Fill>
void write_and_rename(const path& target, const path& temporary_folder, Fill&& fill) {
  const path name = temporary_name(target, temporary_folder);
  FileDescriptor file = create_exclusive(name);
  if (!file) fail(target, "cannot create the temporary file '" + name.string() + "'", errno);
  Temporary temporary(name);
  fill(file);
  // After a failed fsync the kernel may have dropped the dirty pages, and a second fsync would
  // report success: the file is discarded, never retried.
  if (uninterrupted([&] { return ::fsync(file.get()); }) != 0)
    fail(target, "cannot be synced to disk", errno);
  if (file.close() != 0) fail(target, "cannot be closed", errno);
  // The old content remains until here.
  if (std::rename(name.c_str(), target.c_str()) != 0) fail(target, "cannot be renamed", errno);
  temporary.keep();
  sync_folder(target.parent_path());
}

/// Buffer of an output stream that writes into an open file. Streams report only that an error
/// occurred; this buffer throws the error of the system.
class FileBuffer final : public std::streambuf {
 public:
  FileBuffer(const FileDescriptor& file, const path& target) : file_(file), target_(target) {
    start();
  }

 private:
  void start() { setp(buffer_.data(), buffer_.data() + buffer_.size()); }

  int sync() override {
    write_all(file_, std::as_bytes(std::span(pbase(), pptr())), target_);
    start();
    return 0;
  }

  int_type overflow(int_type character) override {
    sync();
    return traits_type::eq_int_type(character, traits_type::eof())
               ? traits_type::not_eof(character)
               : sputc(traits_type::to_char_type(character));
  }

  const FileDescriptor& file_;
  const path& target_;
  std::array<char, 1 << 16> buffer_;
};

}  // namespace

/// The entry of a file in its folder is data of the folder and is synced apart from the file.
void sync_folder(const path& folder) {
  const path named = folder.empty() ? path(".") : folder;
  const FileDescriptor open_folder(
      uninterrupted([&] { return ::open(named.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); }));
  if (!open_folder) fail(named, "cannot open the folder", errno);
  if (uninterrupted([&] { return ::fsync(open_folder.get()); }) != 0)
    fail(named, "cannot sync the folder", errno);
}

void publish_file(const path& from, const path& to) {
  if (std::rename(from.c_str(), to.c_str()) != 0)
    fail(to, "cannot be put in place of '" + from.string() + "'", errno);
  sync_folder(to.parent_path());
}

/// A check before the rename would leave a gap in which another process may take the name; the
/// kernel does both in one step.
bool publish_new_file(const path& from, const path& to) {
  const auto rename = [&] {
    return ::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE);
  };
  if (uninterrupted(rename) != 0) {
    if (errno == EEXIST) return false;
    // The file system does not support RENAME_NOREPLACE: check, then rename.
    if (errno != EINVAL && errno != ENOSYS)
      fail(to, "cannot be put in place of '" + from.string() + "'", errno);
    std::error_code ignored;
    if (std::filesystem::exists(std::filesystem::symlink_status(to, ignored))) return false;
    publish_file(from, to);
    return true;
  }
  sync_folder(to.parent_path());
  return true;
}

void write_parts_atomically(const path& target,
                            const std::vector<std::span<const std::byte>>& parts,
                            const path& temporary_folder) {
  write_and_rename(target, temporary_folder, [&](const FileDescriptor& file) {
    for (const auto& bytes : parts) write_all(file, bytes, target);
  });
}

void write_file_atomically(const path& target, std::span<const std::byte> bytes,
                           const path& temporary_folder) {
  write_parts_atomically(target, {bytes}, temporary_folder);
}

void write_file_atomically(const path& target, std::string_view bytes,
                           const path& temporary_folder) {
  write_file_atomically(target, std::as_bytes(std::span(bytes.data(), bytes.size())),
                        temporary_folder);
}

/// Without a temporary folder, since the output may be on another file system than any run.
void write_file_atomically(const path& target, const std::function<void(std::ostream&)>& write) {
  write_and_rename(target, {}, [&](const FileDescriptor& file) {
    FileBuffer buffer(file, target);
    std::ostream out(&buffer);
    out.exceptions(std::ios::badbit);  // the stream rethrows what the buffer throws
    write(out);
    out.flush();
  });
}

}  // namespace lensbench

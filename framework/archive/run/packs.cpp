#include "archive/run/packs.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <lensbench/error.hpp>
#include <random>
#include <set>
#include <system_error>
#include <utility>

#include "core/files/atomic_file.hpp"

// Writer of the frames of finished cases. A whole frame is never overwritten: frames are appended
// to a file of this process, and a file that is full gets its final name. A case counts as safe
// when the data of its file and the name of that file are on the disk. docs/decisions/packs.md has
// the measurements that led to this design.

namespace lensbench {
namespace {

using std::filesystem::path;

[[noreturn]] void refuse(const path& file, const std::string& what, int error) {
  throw RunError(file.string() + ": " + what + ": " + errno_text(error));
}

/// Host, rank and random digits: unique among processes of many machines.
std::string new_writer_name() {
  std::array<char, 65> host{};
  // Letters that a file name may not have, or that a shell would interpret, are replaced.
  if (::gethostname(host.data(), host.size() - 1) != 0) host[0] = '\0';
  std::string name;
  for (const char* letter = host.data(); *letter != '\0'; ++letter) {
    const bool plain = (*letter >= 'a' && *letter <= 'z') || (*letter >= 'A' && *letter <= 'Z') ||
                       (*letter >= '0' && *letter <= '9') || *letter == '-';
    name += plain ? *letter : '_';
  }
  std::random_device random;
  std::array<char, 24> digits{};
  std::snprintf(digits.data(), digits.size(), ".0.%08x%08x", random(), random());
  return (name.empty() ? "host" : name) + digits.data();
}

std::string six_digits(std::uint64_t number) {
  std::array<char, 24> digits{};
  std::snprintf(digits.data(), digits.size(), "%06llu", static_cast<unsigned long long>(number));
  return digits.data();
}

/// Units up to this size are copied into one buffer, so that a frame is written with one call.
constexpr std::uint64_t kSmallUnit = std::uint64_t{256} << 10;

/// Files two levels below a folder, sorted, so that all processes see them in one order. A folder
/// that is missing has none.
std::vector<path> files_below(const path& folder, const char* extension) {
  std::vector<path> files;
  std::error_code error;
  for (std::filesystem::directory_iterator outer(folder, error), end; !error && outer != end;
       outer.increment(error)) {
    std::error_code inner_error;
    if (!outer->is_directory(inner_error)) continue;
    for (std::filesystem::directory_iterator inner(outer->path(), inner_error);
         !inner_error && inner != end; inner.increment(inner_error))
      if (inner->path().extension() == extension) files.push_back(inner->path());
    if (inner_error)
      throw RunError(outer->path().string() + ": cannot be read: " + inner_error.message());
  }
  if (error && error != std::errc::no_such_file_or_directory)
    throw RunError(folder.string() + ": cannot be read: " + error.message());
  std::sort(files.begin(), files.end());
  return files;
}

/// Number of a pack from its name; 0 for a name without digits.
std::uint64_t number_of(const path& file) {
  const std::string stem = file.stem().string();
  std::uint64_t number = 0;
  std::from_chars(stem.data(), stem.data() + stem.size(), number);
  return number;
}

/// Writes at an offset, so that a frame that failed is overwritten by the next one.
void write_at(const FileDescriptor& file, std::uint64_t offset, std::span<const std::byte> bytes,
              const path& name) {
  while (!bytes.empty()) {
    const ssize_t n = uninterrupted([&] {
      return ::pwrite(file.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
    });
    if (n < 0)
      refuse(name, "cannot be written (" + std::to_string(bytes.size()) + " bytes left)", errno);
    offset += static_cast<std::uint64_t>(n);
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
}

/// Gives a file that is complete and synced its name, without replacing another. A kill between the
/// two steps leaves two names of one file.
void publish_pack(const path& part, const path& pack) {
  if (::link(part.c_str(), pack.c_str()) != 0) {
    const int error = errno;
    // File systems without hard links.
    if (error != EPERM && error != ENOTSUP && error != ENOSYS && error != EMLINK)
      refuse(pack, "cannot be put in place of '" + part.string() + "'", error);
    if (!publish_new_file(part, pack)) refuse(pack, "exists already", EEXIST);
    return;
  }
  sync_folder(pack.parent_path());
  if (::unlink(part.c_str()) != 0) refuse(part, "cannot be removed", errno);
}

/// Two names of one file, which a kill during `publish_pack` leaves.
bool is_same_file(const path& a, const path& b) {
  struct stat first {
  }, second{};
  return ::stat(a.c_str(), &first) == 0 && ::stat(b.c_str(), &second) == 0 &&
         first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

std::string unit_subject(const path& file, const FrameHead& head) {
  return file.string() + ": case " + std::to_string(head.index);
}

}  // namespace

std::vector<path> pack_files(const path& run) {
  return files_below(run / "packs", ".pack");
}

std::vector<path> part_files(const path& run) {
  return files_below(run / "open", ".part");
}

Packs::Packs(const RunFolder& folder, std::size_t frames_per_pack)
    : folder_(folder), frames_per_pack_(frames_per_pack) {}
Packs::~Packs() = default;

/// Passes the whole frames of a file to `use`, with their place for later reads.
void Packs::recover_file(const path& file, const UseUnit& use, FrameScan& scan) {
  const std::size_t number = files_.size();
  files_.push_back(file);
  scan = scan_frames(file, [&](const FrameHead& head, std::uint64_t offset, const Bytes& bytes) {
    use(head, {number, offset, head.bytes, head.checksum},
        Unit(bytes.bytes, bytes.owner, unit_subject(file, head)));
  });
}

std::size_t Packs::recover(const UseUnit& use) {
  std::size_t damaged = 0;
  FrameScan scan;
  // Packs first: of two complete frames of a case, the first in this order counts.
  const auto packs = pack_files(folder_.path());
  // A process that published a pack may have been killed before it synced the folder.
  std::set<path> folders;
  for (const path& file : packs) {
    if (folders.insert(file.parent_path()).second) sync_folder(file.parent_path());
    next_number_ = std::max(next_number_, number_of(file) + 1);
    recover_file(file, use, scan);
    damaged += scan.damaged;
  }
  for (const path& file : part_files(folder_.path())) {
    // A kill between link and unlink leaves a part that is also a pack: its frames are known.
    const bool is_published = std::any_of(
        packs.begin(), packs.end(), [&](const path& pack) { return is_same_file(pack, file); });
    if (is_published) {
      if (::unlink(file.c_str()) != 0) refuse(file, "cannot be removed", errno);
    } else {
      recover_file(file, use, scan);
      damaged += scan.damaged;
      adopt(file, scan);
    }
    std::error_code ignored;
    std::filesystem::remove(file.parent_path(), ignored);  // only if it is empty
  }
  return damaged;
}

/// Makes the unfinished file of an ended process a pack, or removes it if it lacks a whole frame.
void Packs::adopt(const path& part, const FrameScan& scan) {
  // Without a whole frame there is nothing to keep.
  if (scan.end == 0) {
    if (::unlink(part.c_str()) != 0) refuse(part, "cannot be removed", errno);
    return;
  }
  FileDescriptor file(
      uninterrupted([&] { return ::open(part.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW); }));
  if (!file) refuse(part, "cannot be opened", errno);
  // The file is cut at the end of its last whole frame, so that a pack has whole frames only.
  if (scan.end < scan.size &&
      uninterrupted([&] { return ::ftruncate(file.get(), static_cast<off_t>(scan.end)); }) != 0)
    refuse(part, "cannot be cut after its last whole frame", errno);
  // The ended process may not have synced the file, and a pack must be safe.
  if (uninterrupted([&] { return ::fsync(file.get()); }) != 0)
    refuse(part, "cannot be synced to disk", errno);
  if (file.close() != 0) refuse(part, "cannot be closed", errno);
  const path pack = next_pack();
  publish_pack(part, pack);
  files_.back() = pack;
}

/// Name of the next pack, in a folder that exists: packs 0 to 999 are in `000`, the next thousand
/// in `001`.
path Packs::next_pack() {
  const std::uint64_t number = next_number_++;
  const std::string thousand = six_digits(number / 1000);
  const path folder = folder_.path() / "packs" / thousand.substr(thousand.size() - 3);
  make_folder(folder);
  return folder / (six_digits(number) + ".pack");
}

/// Creates the file of the next frames. A process without a frame does not create a folder.
void Packs::begin_part() {
  if (writer_.empty()) {
    const std::string name = new_writer_name();
    make_folder(folder_.path() / "open" / name);
    writer_ = name;
  }
  part_path_ = folder_.path() / "open" / writer_ / (six_digits(next_number_) + ".part");
  // O_EXCL and the random digits of the writer: no process ever writes to a file of another.
  constexpr int kFlags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  FileDescriptor part(uninterrupted([&] { return ::open(part_path_.c_str(), kFlags, 0666); }));
  if (!part) refuse(part_path_, "cannot be created", errno);
  try {
    // The units are safe only if the name of their file is.
    sync_folder(part_path_.parent_path());
  } catch (...) {
    // The next attempt begins with a new file, whose name is synced before it has a frame.
    ::unlink(part_path_.c_str());
    throw;
  }
  part_ = std::move(part);
  part_end_ = 0;
  part_frames_ = 0;
  files_.push_back(part_path_);
}

/// Appends a frame. The head with the checksum of the unit is written before it, in one pass: what
/// a kill cuts off is recognised by the missing bytes. An error of a full file is thrown before
/// the next frame is written.
UnitPlace Packs::append(FrameHead head, const UnitImage& image) {
  end_if_full();
  if (!part_) begin_part();
  constexpr std::array<std::byte, 8> kPadding{};
  const auto parts = image.parts();
  head.bytes = image.size();
  head.checksum = checksum_of(parts);
  const auto head_bytes = to_bytes(head);
  const std::uint64_t end = part_end_ + frame_bytes(head.bytes);
  const std::span<const std::byte> padding = std::span(kPadding).first(frame_padding(head.bytes));
  safe_ = false;
  try {
    std::uint64_t offset = part_end_;
    const auto write = [&](std::span<const std::byte> bytes) {
      write_at(part_, offset, bytes, part_path_);
      offset += bytes.size();
    };
    if (parts.size() == 1 && head.bytes < kSmallUnit) {
      std::vector<std::byte> whole(head_bytes.begin(), head_bytes.end());
      whole.insert(whole.end(), parts.front().begin(), parts.front().end());
      whole.insert(whole.end(), padding.begin(), padding.end());
      write(whole);
    } else {
      write(head_bytes);
      for (const auto& part : parts) write(part);
      write(padding);
    }
  } catch (...) {
    // The next frame begins here; until then a shorter file leaves more space.
    [[maybe_unused]] const int ignored = ::ftruncate(part_.get(), static_cast<off_t>(part_end_));
    throw;
  }
  // The place is valid before the frame is synced, since a process can read what it has written.
  const UnitPlace place{files_.size() - 1, part_end_ + kFrameHeadBytes, head.bytes, head.checksum};
  part_end_ = end;
  ++part_frames_;
  return place;
}

void Packs::make_safe() {
  if (broken_)
    throw RunError(part_path_.string() +
                   ": could not be synced to disk before, so its last units "
                   "may be missing");
  if (safe_ || !part_) return;
  // After a failed sync the kernel may have dropped what was to be written, and a second sync would
  // report success: it is never tried again.
  if (uninterrupted([&] { return ::fdatasync(part_.get()); }) != 0) {
    broken_ = true;
    refuse(part_path_, "cannot be synced to disk", errno);
  }
  safe_ = true;
}

void Packs::close_part() {
  if (part_.close() != 0) refuse(part_path_, "cannot be closed", errno);
  part_ = FileDescriptor();
}

/// The file becomes a pack only when its data are synced, because a pack never changes.
void Packs::end_part() {
  make_safe();
  // Before the file is closed, so that the file after a failure has another number.
  const path pack = next_pack();
  close_part();
  publish_pack(part_path_, pack);
  files_.back() = pack;
}

/// A step of its own and not the end of `append`: its error does not concern a written frame.
bool Packs::end_if_full() {
  if (!part_ || (part_frames_ < frames_per_pack_ && part_end_ < kMostBytes)) return false;
  end_part();
  return true;
}

/// Called before the seal, which only reads.
void Packs::finish_writing() {
  make_safe();
  if (part_) close_part();
}

/// The file of the last unit stays open, because the seal reads units in order of the plan, which
/// is mostly the order in which they were written. The checksum is compared on every read.
std::shared_ptr<const Unit> Packs::read(const UnitPlace& place) {
  const path& file = files_.at(place.pack);
  if (open_number_ != place.pack) {
    open_ = FileDescriptor();
    open_number_ = SIZE_MAX;
    open_ = open_for_reading(file);
    open_number_ = place.pack;
  }
  const Bytes unit = read_bytes(open_, place.offset, place.bytes, file);
  if (checksum_of(std::span<const std::byte>(unit.bytes)) != place.checksum)
    throw InputError(file.string() + ": damaged: its bytes differ from those that were written");
  return std::make_shared<const Unit>(unit.bytes, unit.owner, file.string());
}

/// Only heads are read, since a count is needed for a message before the run is recovered. Two
/// frames of one case count once.
std::size_t count_units(const path& run) {
  std::set<std::string> keys;
  for (const auto& files : {pack_files(run), part_files(run)})
    for (const path& file : files)
      scan_heads(file, [&](const FrameHead& head) { keys.insert(head.key); });
  return keys.size();
}

/// The last whole frame with the key; a state file has exactly one.
std::shared_ptr<const Unit> read_single_unit(const path& file, const std::string& key) {
  std::shared_ptr<const Unit> found;
  scan_frames(file, [&](const FrameHead& head, std::uint64_t, const Bytes& bytes) {
    if (head.key == key)
      found = std::make_shared<const Unit>(bytes.bytes, bytes.owner, unit_subject(file, head));
  });
  if (found == nullptr) throw InputError(file.string() + ": damaged, or of another case");
  return found;
}

}  // namespace lensbench

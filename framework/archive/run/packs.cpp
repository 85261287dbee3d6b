#include "archive/run/packs.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <lensbench/error.hpp>
#include <set>
#include <utility>

#include "archive/joint/link_file.hpp"
#include "archive/run/pack_files.hpp"
#include "archive/run/plan_files.hpp"
#include "core/files/atomic_file.hpp"

// Writer of the frames of finished cases. A whole frame is never overwritten: frames are appended
// to a file of this process, and a file that is full gets its final name. A case counts as safe
// when the data of its file and the name of that file are on the disk. docs/decisions/packs.md has
// the measurements that led to this design.

namespace lensbench {
namespace {

using std::filesystem::path;

/// Whether a part is also a pack, which a kill between link and unlink leaves: its frames are
/// known.
bool is_published(const path& part, const std::vector<path>& packs) {
  return std::any_of(packs.begin(), packs.end(),
                     [&](const path& pack) { return is_same_file(pack, part); });
}

/// Creates a file of frames, whose name is safe.
FileDescriptor new_part(const path& name) {
  // O_EXCL and the random digits of the writer: no process ever writes to a file of another.
  constexpr int kFlags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  FileDescriptor part(uninterrupted([&] { return ::open(name.c_str(), kFlags, 0666); }));
  if (!part) throw_file_error(name, "cannot be created", errno);
  try {
    // The units are safe only if the name of their file is.
    sync_folder(name.parent_path());
  } catch (...) {
    // The next attempt begins with a new file, whose name is synced before it has a frame.
    ::unlink(name.c_str());
    throw;
  }
  return part;
}

}  // namespace

Packs::Packs(const RunFolder& folder, std::size_t frames_per_pack)
    : folder_(folder), frames_per_pack_(frames_per_pack), writer_(folder.writer()) {}
Packs::~Packs() = default;

/// Passes the whole frames of a file to `use`, with their place for later reads.
FrameScan Packs::recover_file(const path& file, const UseUnit& use, const WantFrame& want) {
  const std::size_t number = files_.size();
  files_.push_back(file);
  const auto take = [&](const FrameHead& head, std::uint64_t offset, const Bytes& bytes) {
    use(head, {number, offset, head.bytes, head.checksum},
        Unit(bytes.bytes, bytes.owner, unit_subject(file, head)));
  };
  return scan_frames(file, take, want);
}

/// The part becomes a pack. \return number of damaged frames
std::size_t Packs::recover_part(const path& part, const UseUnit& use) {
  const FrameScan scan = recover_file(part, use);
  adopt(part, scan);
  return scan.damaged;
}

std::size_t Packs::recover(const UseUnit& use) {
  std::size_t damaged = 0;
  // Packs first: of two complete frames of a case, the first in this order counts.
  const auto packs = pack_files(folder_.path());
  // A process that published a pack may have been killed before it synced the folder.
  std::set<path> folders;
  for (const path& file : packs) {
    if (folders.insert(file.parent_path()).second) sync_folder(file.parent_path());
    next_number_ = std::max(next_number_, pack_number(file) + 1);
    damaged += recover_file(file, use).damaged;
  }
  for (const path& file : part_files(folder_.path())) {
    if (is_published(file, packs))
      remove_file(file);
    else
      damaged += recover_part(file, use);
    std::error_code ignored;
    std::filesystem::remove(file.parent_path(), ignored);  // only if it is empty
  }
  return damaged;
}

bool Packs::is_known(const std::optional<FileIdentity>& identity) const {
  if (!identity) return true;  // the file was removed
  const auto known = known_.find({identity->device, identity->number});
  return known != known_.end() && known->second >= identity->bytes;
}

void Packs::note_known(const std::optional<FileIdentity>& identity) {
  if (identity) known_[{identity->device, identity->number}] = identity->bytes;
}

/// The last frame of a file that grows may be there in part, and a network file system may show its
/// length before its bytes: a file that has more than whole frames is read again in a later look.
/// Its size is that from before the read, so that what is appended meanwhile is read then too.
std::size_t Packs::look(const UseUnit& use, const WantFrame& want) {
  std::size_t damaged = 0;
  const path own = folder_.path() / "open" / writer_;
  for (const path& file : frame_files(folder_.path())) {
    if (file.extension() == ".pack") next_number_ = std::max(next_number_, pack_number(file) + 1);
    const auto identity = identity_of(file);
    if (file.parent_path() == own || is_known(identity)) continue;
    const FrameScan scan = recover_file(file, use, want);
    if (!want && scan.damaged == 0 && scan.end == scan.size) note_known(identity);
    damaged += scan.damaged;
  }
  return damaged;
}

/// Makes the unfinished file of an ended process a pack, or removes it if it lacks a whole frame.
void Packs::adopt(const path& part, const FrameScan& scan) {
  // Without a whole frame there is nothing to keep.
  if (scan.end == 0) {
    remove_file(part);
    return;
  }
  FileDescriptor file(
      uninterrupted([&] { return ::open(part.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW); }));
  if (!file) throw_file_error(part, "cannot be opened", errno);
  // The file is cut at the end of its last whole frame, so that a pack has whole frames only.
  if (scan.end < scan.size &&
      uninterrupted([&] { return ::ftruncate(file.get(), static_cast<off_t>(scan.end)); }) != 0)
    throw_file_error(part, "cannot be cut after its last whole frame", errno);
  // The ended process may not have synced the file, and a pack must be safe.
  if (uninterrupted([&] { return ::fsync(file.get()); }) != 0)
    throw_file_error(part, "cannot be synced to disk", errno);
  if (file.close() != 0) throw_file_error(part, "cannot be closed", errno);
  const path pack = next_pack();
  publish_pack(part, pack);
  files_.back() = pack;
}

/// Another process seals a run that is shared and removes its folder, which must not come back.
void Packs::require_run() const {
  if (folder_.is_shared() && !has_plan(folder_.plan()))
    throw RunError(folder_.path().string() +
                   ": has no plan any more: another process has sealed or removed the run");
}

/// Name of the next pack, in a folder that exists: packs 0 to 999 are in `000`, the next thousand
/// in `001`.
path Packs::next_pack() {
  require_run();
  const std::uint64_t number = next_number_++;
  const std::string thousand = six_digits(number / 1000);
  const path folder = folder_.path() / "packs" / thousand.substr(thousand.size() - 3);
  make_folder(folder);
  return folder / (six_digits(number) + ".pack");
}

/// Creates the file of the next frames. A process without a frame does not create a folder.
void Packs::begin_part() {
  require_run();
  const std::string name = writer_.empty() ? new_writer_name() : writer_;
  make_folder(folder_.path() / "open" / name);
  writer_ = name;
  part_path_ = folder_.path() / "open" / writer_ / (six_digits(next_number_) + ".part");
  part_ = new_part(part_path_);
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
  const auto parts = image.parts();
  head.bytes = image.size();
  head.checksum = checksum_of(parts);
  safe_ = false;
  try {
    write_frame(part_, part_end_, head, parts, part_path_);
  } catch (...) {
    // The next frame begins here; until then a shorter file leaves more space.
    [[maybe_unused]] const int ignored = ::ftruncate(part_.get(), static_cast<off_t>(part_end_));
    throw;
  }
  // The place is valid before the frame is synced, since a process can read what it has written.
  const UnitPlace place{files_.size() - 1, part_end_ + kFrameHeadBytes, head.bytes, head.checksum};
  part_end_ += frame_bytes(head.bytes);
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
    throw_file_error(part_path_, "cannot be synced to disk", errno);
  }
  safe_ = true;
}

void Packs::close_part() {
  if (part_.close() != 0) throw_file_error(part_path_, "cannot be closed", errno);
  part_ = FileDescriptor();
}

/// The file becomes a pack only when its data are synced, because a pack never changes.
void Packs::end_part() {
  make_safe();
  files_.back() = folder_.is_shared() ? publish_among_others() : publish_part();
}

path Packs::publish_part() {
  // Before the file is closed, so that the file after a failure has another number.
  path pack = next_pack();
  close_part();
  publish_pack(part_path_, pack);
  return pack;
}

/// Other processes give numbers too: the first one that is free is taken. The part keeps its first
/// name until the run is sealed, since other processes may know its units by it.
path Packs::publish_among_others() {
  note_known(identity_of(part_path_));
  close_part();
  constexpr int kNeighbours = 16;
  for (int tried = 1;; ++tried) {
    path pack = next_pack();
    if (link_new_name(part_path_, pack)) return pack;
    // Many numbers were given since the last look.
    if (tried % kNeighbours == 0)
      for (const path& file : pack_files(folder_.path()))
        next_number_ = std::max(next_number_, pack_number(file) + 1);
  }
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
  if (part_ && folder_.is_shared())
    end_part();
  else if (part_)
    close_part();
}

void Packs::close_files() {
  open_ = FileDescriptor();
  open_number_ = SIZE_MAX;
}

/// The file of the last unit stays open, because the seal reads units in order of the plan, which
/// is mostly the order in which they were written. The checksum is compared on every read.
std::shared_ptr<const Unit> Packs::read(const UnitPlace& place) {
  const path& file = files_.at(place.pack);
  if (open_number_ != place.pack) {
    close_files();
    open_ = open_for_reading(file);
    open_number_ = place.pack;
  }
  const Bytes unit = read_bytes(open_, place.offset, place.bytes, file);
  if (checksum_of(std::span<const std::byte>(unit.bytes)) != place.checksum)
    throw InputError(file.string() + ": damaged: its bytes differ from those that were written");
  return std::make_shared<const Unit>(unit.bytes, unit.owner, file.string());
}

}  // namespace lensbench

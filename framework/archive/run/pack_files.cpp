#include "archive/run/pack_files.hpp"

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

namespace lensbench {
namespace {

using std::filesystem::path;

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

/// Units up to this size are copied into one buffer, so that a frame is written with one call.
constexpr std::uint64_t kSmallUnit = std::uint64_t{256} << 10;

/// Writes at an offset, so that a frame that failed is overwritten by the next one.
void write_at(const FileDescriptor& file, std::uint64_t offset, std::span<const std::byte> bytes,
              const path& name) {
  while (!bytes.empty()) {
    const ssize_t n = uninterrupted([&] {
      return ::pwrite(file.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
    });
    if (n < 0)
      throw_file_error(name, "cannot be written (" + std::to_string(bytes.size()) + " bytes left)",
                       errno);
    offset += static_cast<std::uint64_t>(n);
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
}

}  // namespace

std::vector<path> pack_files(const path& run) {
  return files_below(run / "packs", ".pack");
}

std::vector<path> part_files(const path& run) {
  return files_below(run / "open", ".part");
}

std::vector<path> frame_files(const path& run) {
  std::vector<path> files = pack_files(run);
  std::set<std::pair<std::uint64_t, std::uint64_t>> packs;
  for (const path& pack : files)
    if (const auto identity = identity_of(pack)) packs.emplace(identity->device, identity->number);
  for (const path& part : part_files(run)) {
    const auto identity = identity_of(part);
    if (identity && !packs.contains({identity->device, identity->number})) files.push_back(part);
  }
  return files;
}

std::uint64_t pack_number(const path& file) {
  const std::string stem = file.stem().string();
  std::uint64_t number = 0;
  std::from_chars(stem.data(), stem.data() + stem.size(), number);
  return number;
}

std::string six_digits(std::uint64_t number) {
  std::array<char, 24> digits{};
  std::snprintf(digits.data(), digits.size(), "%06llu", static_cast<unsigned long long>(number));
  return digits.data();
}

std::string new_writer_name(const std::string& part) {
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
  std::snprintf(digits.data(), digits.size(), "%08x%08x", random(), random());
  return (name.empty() ? "host" : name) + "." + part + "." + digits.data();
}

void throw_file_error(const path& file, const std::string& what, int error) {
  throw RunError(file.string() + ": " + what + ": " + errno_text(error));
}

void write_frame(const FileDescriptor& file, std::uint64_t offset, const FrameHead& head,
                 const std::vector<std::span<const std::byte>>& unit, const path& name) {
  constexpr std::array<std::byte, 8> kPadding{};
  const auto head_bytes = to_bytes(head);
  const std::span<const std::byte> padding = std::span(kPadding).first(frame_padding(head.bytes));
  const auto write = [&](std::span<const std::byte> bytes) {
    write_at(file, offset, bytes, name);
    offset += bytes.size();
  };
  if (unit.size() == 1 && head.bytes < kSmallUnit) {
    std::vector<std::byte> whole(head_bytes.begin(), head_bytes.end());
    whole.insert(whole.end(), unit.front().begin(), unit.front().end());
    whole.insert(whole.end(), padding.begin(), padding.end());
    write(whole);
    return;
  }
  write(head_bytes);
  for (const auto& part : unit) write(part);
  write(padding);
}

void remove_file(const path& file) {
  if (::unlink(file.c_str()) != 0) throw_file_error(file, "cannot be removed", errno);
}

void publish_pack(const path& part, const path& pack) {
  if (::link(part.c_str(), pack.c_str()) != 0) {
    const int error = errno;
    // File systems without hard links.
    if (error != EPERM && error != ENOTSUP && error != ENOSYS && error != EMLINK)
      throw_file_error(pack, "cannot be put in place of '" + part.string() + "'", error);
    if (!publish_new_file(part, pack)) throw_file_error(pack, "exists already", EEXIST);
    return;
  }
  sync_folder(pack.parent_path());
  remove_file(part);
}

bool is_same_file(const path& a, const path& b) {
  const auto first = identity_of(a), second = identity_of(b);
  return first && second && first->device == second->device && first->number == second->number;
}

std::optional<FileIdentity> identity_of(const path& file) {
  struct stat status {};
  if (::stat(file.c_str(), &status) != 0) return std::nullopt;
  return FileIdentity{status.st_dev, status.st_ino, static_cast<std::uint64_t>(status.st_size)};
}

std::string unit_subject(const path& file, const FrameHead& head) {
  return file.string() + ": case " + std::to_string(head.index);
}

/// Only heads are read, since a count is needed for a message before the run is recovered. Two
/// frames of one case count once.
std::size_t count_units(const path& run) {
  std::set<std::string> keys;
  for (const path& file : frame_files(run))
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

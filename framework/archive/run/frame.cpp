#include "archive/run/frame.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <lensbench/error.hpp>
#include <new>
#include <string_view>
#include <vector>

#include "archive/hdf5/growing_memory.hpp"

// Frames of a pack, the form in which finished cases survive a kill or a power cut.
// docs/decisions/packs.md has the layout. A head has a checksum of its own, so that a reader finds
// the frames in a damaged file: a head that is whole gives the length of its unit, and after bytes
// that are not a head the next one is searched.

namespace lensbench {
namespace {

using std::filesystem::path;

constexpr std::string_view kMagic = "LBFRAME1";
// The last 8 bytes of a head are the checksum of those before it.
constexpr std::size_t kKeyBytes = 32, kCheckedBytes = kFrameHeadBytes - sizeof(std::uint64_t);

/// Value of a lower-case hexadecimal digit; -1 for another letter.
int digit_of(char letter) {
  if (letter >= '0' && letter <= '9') return letter - '0';
  return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

/// A key in half of its letters, so that a head has a fixed size.
std::array<std::byte, kKeyBytes> key_bytes(const std::string& key) {
  std::array<std::byte, kKeyBytes> bytes{};
  if (key.size() != 2 * kKeyBytes) throw RunError("key of a unit: not a SHA-256: '" + key + "'");
  for (std::size_t i = 0; i < kKeyBytes; ++i)
    bytes[i] = static_cast<std::byte>(16 * digit_of(key[2 * i]) + digit_of(key[2 * i + 1]));
  return bytes;
}

std::string key_text(const std::byte* bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (std::size_t i = 0; i < kKeyBytes; ++i) {
    text += kDigits[static_cast<std::size_t>(bytes[i] >> 4)];
    text += kDigits[static_cast<std::size_t>(bytes[i] & std::byte{15})];
  }
  return text;
}

std::uint64_t size_of(const FileDescriptor& file, const path& name) {
  struct stat status {};
  if (::fstat(file.get(), &status) != 0)
    throw InputError(name.string() + ": cannot be read: " + errno_text(errno));
  if (!S_ISREG(status.st_mode)) throw InputError(name.string() + ": is not a regular file");
  return static_cast<std::uint64_t>(status.st_size);
}

/// Reads exactly `bytes`: a read may return less than was asked for.
void read_into(const FileDescriptor& file, std::uint64_t offset, std::span<std::byte> bytes,
               const path& name) {
  while (!bytes.empty()) {
    const ssize_t n = uninterrupted([&] {
      return ::pread(file.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
    });
    if (n < 0) throw InputError(name.string() + ": cannot be read: " + errno_text(errno));
    if (n == 0) throw InputError(name.string() + ": truncated");
    offset += static_cast<std::uint64_t>(n);
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
}

/// Head at an offset of a file of `size` bytes; empty if there is none.
std::optional<FrameHead> head_at(const FileDescriptor& file, std::uint64_t offset,
                                 std::uint64_t size, const path& name) {
  if (size - offset < kFrameHeadBytes) return std::nullopt;
  std::array<std::byte, kFrameHeadBytes> bytes;
  read_into(file, offset, bytes, name);
  return frame_head(bytes);
}

/// Offset of the next head from `offset` on; `size` if there is none.
std::uint64_t next_head(const FileDescriptor& file, std::uint64_t offset, std::uint64_t size,
                        const path& name) {
  // A block at a time, overlapping by one head, so that a head across two blocks is found. Heads
  // are at multiples of 8 bytes, since units are padded to them.
  constexpr std::uint64_t kBlock = 1 << 20;
  std::vector<std::byte> block(kBlock);
  for (std::uint64_t from = offset / 8 * 8; from + kFrameHeadBytes <= size;
       from += kBlock - kFrameHeadBytes) {
    const auto n = static_cast<std::size_t>(std::min(kBlock, size - from));
    read_into(file, from, std::span(block).first(n), name);
    for (std::size_t i = 0; i + kFrameHeadBytes <= n; i += 8)
      if (from + i >= offset && frame_head(std::span(block).subspan(i, kFrameHeadBytes)))
        return from + i;
  }
  return size;
}

/// Calls `use(head, offset of the unit)` for each head whose unit the file has. \return the size of
/// the file
template <class Use>
std::uint64_t for_each_head(const FileDescriptor& file, const path& name, Use&& use) {
  const std::uint64_t size = size_of(file, name);
  // A head is accepted only if the file has all bytes of its unit: the writer may have been killed
  // within it.
  for (std::uint64_t at = 0; at < size;) {
    const auto head = head_at(file, at, size, name);
    const std::uint64_t left = size - at;
    if (head && head->bytes <= left && frame_bytes(head->bytes) <= left) {
      use(*head, at + kFrameHeadBytes);
      at += frame_bytes(head->bytes);
    } else {
      at = next_head(file, at + 8, size, name);
    }
  }
  return size;
}

}  // namespace

/// Numbers are stored in the byte order of the machine, which is little-endian (asserted in
/// digest.cpp). Bytes 80 to 87 are spare and 0.
std::array<std::byte, kFrameHeadBytes> to_bytes(const FrameHead& head) {
  std::array<std::byte, kFrameHeadBytes> bytes{};
  std::byte* next = bytes.data();
  const auto put = [&](const void* from, std::size_t n) {
    std::memcpy(next, from, n);
    next += n;
  };
  const auto key = key_bytes(head.key);
  put(kMagic.data(), kMagic.size());
  put(&head.bytes, sizeof head.bytes);
  put(&head.index, sizeof head.index);
  put(&head.pass, sizeof head.pass);
  put(key.data(), key.size());
  put(&head.checksum, sizeof head.checksum);
  next = bytes.data() + kCheckedBytes;
  const std::uint64_t own = checksum_of(std::span(bytes).first(kCheckedBytes)).low;
  put(&own, sizeof own);
  return bytes;
}

/// Only the checksum decides: the magic alone may occur within the values of a unit.
std::optional<FrameHead> frame_head(std::span<const std::byte> bytes) {
  if (bytes.size() < kFrameHeadBytes ||
      std::memcmp(bytes.data(), kMagic.data(), kMagic.size()) != 0)
    return std::nullopt;
  const std::byte* next = bytes.data() + kMagic.size();
  const auto take = [&](void* to, std::size_t n) {
    std::memcpy(to, next, n);
    next += n;
  };
  FrameHead head;
  take(&head.bytes, sizeof head.bytes);
  take(&head.index, sizeof head.index);
  take(&head.pass, sizeof head.pass);
  head.key = key_text(next);
  next += kKeyBytes;
  take(&head.checksum, sizeof head.checksum);
  next = bytes.data() + kCheckedBytes;
  std::uint64_t own = 0;
  take(&own, sizeof own);
  if (own != checksum_of(bytes.first(kCheckedBytes)).low) return std::nullopt;
  return head;
}

/// Symbolic links are refused, because the folder of a run has only regular files. With O_NONBLOCK,
/// opening a FIFO does not wait for a writer.
FileDescriptor open_for_reading(const path& file) {
  constexpr int kFlags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
  FileDescriptor descriptor(uninterrupted([&] { return ::open(file.c_str(), kFlags); }));
  if (!descriptor) throw InputError(file.string() + ": cannot be opened: " + errno_text(errno));
  return descriptor;
}

namespace {

/// Memory with its owner; the address is null if there is not enough.
std::pair<std::shared_ptr<void>, void*> memory_of(std::size_t size) {
  constexpr std::size_t kLarge = 1 << 20;
  std::shared_ptr<void> owner;
  void* first = nullptr;
  if (size < kLarge) {
    constexpr std::align_val_t kAlignment{64};
    first = ::operator new(size, kAlignment);
    owner.reset(first, [](void* memory) { ::operator delete(memory, kAlignment); });
  } else {
    auto memory = std::make_shared<hdf5::GrowingMemory>();
    first = memory->resize(size);
    owner = std::move(memory);
  }
  return {std::move(owner), first};
}

}  // namespace

/// Large units are in memory of their own that the tensors read from them share; small ones are on
/// the heap. Both begin at a multiple of 64 bytes, so that tensors of the unit are aligned.
Bytes read_bytes(const FileDescriptor& file, std::uint64_t offset, std::uint64_t bytes,
                 const path& name) {
  const auto size = static_cast<std::size_t>(std::max<std::uint64_t>(1, bytes));
  // A damaged length must not lead to a large allocation.
  const std::uint64_t whole = size_of(file, name);
  if (offset > whole || bytes > whole - offset) throw InputError(name.string() + ": truncated");
  auto [owner, first] = memory_of(size);
  if (first == nullptr)
    throw RunError(name.string() + ": not enough memory for a unit of " + std::to_string(bytes) +
                   " bytes");
  const std::span<std::byte> all(static_cast<std::byte*>(first), static_cast<std::size_t>(bytes));
  read_into(file, offset, all, name);
  return {all, std::move(owner)};
}

/// The unit of every frame is read, so a scan takes as long as reading the file.
FrameScan scan_frames(const path& file, const UseFrame& use, const WantFrame& want) {
  const FileDescriptor descriptor = open_for_reading(file);
  FrameScan scan;
  const auto check = [&](const FrameHead& head, std::uint64_t offset) {
    if (want && !want(head)) return;
    const Bytes unit = read_bytes(descriptor, offset, head.bytes, file);
    if (checksum_of(std::span<const std::byte>(unit.bytes)) != head.checksum) {
      ++scan.damaged;
      return;
    }
    // After this end the file of an ended process is cut, see `Packs::adopt`.
    scan.end = offset - kFrameHeadBytes + frame_bytes(head.bytes);
    use(head, offset, unit);
  };
  scan.size = for_each_head(descriptor, file, check);
  return scan;
}

void scan_heads(const path& file, const std::function<void(const FrameHead&)>& use) {
  for_each_head(open_for_reading(file), file,
                [&](const FrameHead& head, std::uint64_t) { use(head); });
}

}  // namespace lensbench

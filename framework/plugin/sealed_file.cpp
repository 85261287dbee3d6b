#include "plugin/sealed_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <lensbench/error.hpp>
#include <utility>
#include <vector>

#include "core/files/sha256.hpp"
#include "plugin/refuse.hpp"

// Bytes of a plug-in in sealed memory. The file is read once; hash, description and loader all use
// the copy, which nobody can change, so that what was checked is what runs
// (docs/decisions/sealed-plugin-bytes.md).

namespace lensbench {
namespace {

// Limit of the size of a plug-in, which is copied to memory.
constexpr std::size_t kMostBytes = std::size_t{2} << 30;

FileDescriptor new_memory(const std::filesystem::path& path) {
  // Names of memory files are limited to 249 bytes.
  const std::string name = path.filename().string().substr(0, 200);
  const unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
#ifdef MFD_EXEC
  // Newer kernels may require this flag for memory that will contain code; older ones refuse it.
  FileDescriptor memory(memfd_create(name.c_str(), flags | MFD_EXEC));
  if (!memory) memory = FileDescriptor(memfd_create(name.c_str(), flags));
#else
  FileDescriptor memory(memfd_create(name.c_str(), flags));
#endif
  if (!memory)
    refuse_plugin(PluginFault::not_loadable, path,
                  "cannot be copied to memory: " + errno_text(errno));
  return memory;
}

void write_all(int descriptor, std::span<const std::byte> bytes,
               const std::filesystem::path& path) {
  while (!bytes.empty()) {
    const ssize_t written = write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0)
      refuse_plugin(PluginFault::not_loadable, path,
                    "cannot be copied to memory: " + errno_text(errno));
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
}

}  // namespace

FileDescriptor copy_to_memory(std::span<const std::byte> bytes, const std::filesystem::path& path) {
  FileDescriptor memory = new_memory(path);
  write_all(memory.get(), bytes, path);
  return memory;
}

/// The number of this process and not `self`: a debugger opens the path from another process.
std::string memory_path(const FileDescriptor& memory) {
  return "/proc/" + std::to_string(getpid()) + "/fd/" + std::to_string(memory.get());
}

SealedFile::SealedFile(const FileDescriptor& descriptor, const std::filesystem::path& path)
    : memory_(new_memory(path)) {
  // Hash and copy are made from the same blocks.
  std::vector<std::byte> block(1 << 18);
  std::size_t size = 0;
  Sha256 hash;
  for (;;) {
    const ssize_t got =
        pread(descriptor.get(), block.data(), block.size(), static_cast<off_t>(size));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0)
      refuse_plugin(PluginFault::not_loadable, path, "cannot be read: " + errno_text(errno));
    if (got == 0) break;
    const std::span<const std::byte> piece(block.data(), static_cast<std::size_t>(got));
    // The file may grow while it is read, so the limit is compared with what was read.
    if (size + piece.size() > kMostBytes)
      refuse_plugin(PluginFault::not_loadable, path,
                    "too large (at most " + std::to_string(kMostBytes >> 30) + " GiB are allowed)");
    hash.update(piece);
    write_all(memory_.get(), piece, path);
    size += piece.size();
  }
  sha256_ = to_hex(hash.finish());
  // After these seals, neither this process nor another one can change the bytes or remove the
  // seals.
  if (fcntl(memory_.get(), F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) !=
      0)
    refuse_plugin(PluginFault::not_loadable, path,
                  "its copy in memory cannot be sealed: " + errno_text(errno));
  // mmap refuses a length of 0.
  if (size == 0) return;
  void* mapped = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, memory_.get(), 0);
  if (mapped == MAP_FAILED)
    refuse_plugin(PluginFault::not_loadable, path, "cannot be mapped: " + errno_text(errno));
  bytes_ = {static_cast<const std::byte*>(mapped), size};
}

SealedFile::~SealedFile() {
  if (!bytes_.empty()) munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

SealedFile::SealedFile(SealedFile&& other) noexcept
    : memory_(std::move(other.memory_)),
      sha256_(std::move(other.sha256_)),
      bytes_(std::exchange(other.bytes_, {})) {}

}  // namespace lensbench

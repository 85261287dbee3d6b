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

namespace lensbench {
namespace {

// Limit of the size of a plug-in, which is copied to memory.
constexpr std::size_t kMostBytes = std::size_t{2} << 30;

FileDescriptor new_memory(const std::filesystem::path& path) {
  const std::string name = path.filename().string().substr(0, 200);
#ifdef MFD_EXEC
  // Newer kernels may require this flag for memory that will contain code; older ones refuse it.
  if (FileDescriptor memory(memfd_create(name.c_str(), MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC));
      memory)
    return memory;
#endif
  return FileDescriptor(memfd_create(name.c_str(), MFD_CLOEXEC | MFD_ALLOW_SEALING));
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

SealedFile::SealedFile(const FileDescriptor& descriptor, const std::filesystem::path& path)
    : memory_(new_memory(path)) {
  if (!memory_)
    refuse_plugin(PluginFault::not_loadable, path,
                  "cannot be copied to memory: " + errno_text(errno));
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
    if (size + piece.size() > kMostBytes)
      refuse_plugin(PluginFault::not_loadable, path,
                    "too large (at most " + std::to_string(kMostBytes >> 30) + " GiB are allowed)");
    hash.update(piece);
    write_all(memory_.get(), piece, path);
    size += piece.size();
  }
  sha256_ = to_hex(hash.finish());
  if (fcntl(memory_.get(), F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) !=
      0)
    refuse_plugin(PluginFault::not_loadable, path,
                  "its copy in memory cannot be sealed: " + errno_text(errno));
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

std::string SealedFile::loader_path() const {
  return "/proc/" + std::to_string(getpid()) + "/fd/" + std::to_string(memory_.get());
}

}  // namespace lensbench

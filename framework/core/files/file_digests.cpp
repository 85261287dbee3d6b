#include "core/files/file_digests.hpp"

#include <sys/stat.h>

#include <utility>

#include "core/files/sha256.hpp"

namespace lensbench {

std::string FileDigests::of(const std::filesystem::path& file) {
  const std::scoped_lock lock(mutex_);
  struct stat facts {};
  if (::stat(file.c_str(), &facts) != 0) return sha256_file(file);  // throws with the reason
  const Identity identity{static_cast<std::int64_t>(facts.st_dev),
                          static_cast<std::int64_t>(facts.st_ino),
                          static_cast<std::int64_t>(facts.st_size),
                          facts.st_mtim.tv_sec,
                          facts.st_mtim.tv_nsec,
                          facts.st_ctim.tv_sec,
                          facts.st_ctim.tv_nsec};
  const auto known = known_.find(file);
  if (known != known_.end() && known->second.identity == identity) return known->second.digest;
  std::string digest = sha256_file(file);
  known_[file] = {identity, digest};
  return digest;
}

}  // namespace lensbench

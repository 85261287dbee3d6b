#include "archive/joint/link_file.hpp"

#include <unistd.h>

#include <cerrno>

#include "archive/run/pack_files.hpp"
#include "core/files/atomic_file.hpp"

namespace lensbench {

/// A network file system may repeat a request whose answer was lost: `link` then reports that the
/// name exists, although it is that of the same file.
bool link_new_name(const std::filesystem::path& file, const std::filesystem::path& name) {
  if (::link(file.c_str(), name.c_str()) != 0) {
    const int error = errno;
    if (!is_same_file(file, name)) {
      if (error == EEXIST) return false;
      throw_file_error(name, "cannot be linked to '" + file.string() + "'", error);
    }
  }
  sync_folder(name.parent_path());
  return true;
}

}  // namespace lensbench

#include "core/text/lfs_pointer.hpp"

#include <lensbench/error.hpp>

namespace lensbench {

void refuse_lfs_pointer(std::string_view text, const std::string& subject) {
  if (text.starts_with("version https://git-lfs."))
    throw InputError(subject +
                     ": is a Git LFS pointer, not the file itself; run `git lfs pull` in its "
                     "folder");
}

}  // namespace lensbench

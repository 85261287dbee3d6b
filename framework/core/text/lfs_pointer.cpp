#include "core/text/lfs_pointer.hpp"

#include <lensbench/error.hpp>

// Files of Git LFS that were not fetched: three lines of text in place of the content. A model that
// was cloned without Git LFS consists of them, so the message has the command that fetches the
// content.

namespace lensbench {

void refuse_lfs_pointer(std::string_view text, const std::string& subject) {
  if (text.starts_with("version https://git-lfs."))
    throw InputError(subject +
                     ": is a Git LFS pointer, not the file itself; run `git lfs pull` in its "
                     "folder");
}

}  // namespace lensbench

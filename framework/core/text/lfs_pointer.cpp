#include "core/text/lfs_pointer.hpp"

#include <lensbench/error.hpp>

// Files of Git LFS that were not fetched: three lines of text in place of the content. They are the
// most frequent reason why a cloned model cannot be read, so the message has the command.

namespace lensbench {

void refuse_lfs_pointer(std::string_view text, const std::string& subject) {
  if (text.starts_with("version https://git-lfs."))
    throw InputError(subject +
                     ": is a Git LFS pointer, not the file itself; run `git lfs pull` in its "
                     "folder");
}

}  // namespace lensbench

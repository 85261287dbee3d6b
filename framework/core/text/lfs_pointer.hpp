#pragma once

#include <string>
#include <string_view>

namespace lensbench {

/// \param text     the beginning of a file \param subject  its path, for the message
/// \throws InputError if it is a Git LFS pointer, a text of three lines in place of the file
void refuse_lfs_pointer(std::string_view text, const std::string& subject);

}  // namespace lensbench

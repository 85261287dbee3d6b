#pragma once

#include <string_view>

namespace lensbench {

/// Whether the whole of `text` matches a glob as in fnmatch(3): `*` any characters, `?` one,
/// `[abc]`, `[a-z]`, `[!a]` one of a set. A backslash is a character like any other, and so is a
/// slash.
bool glob_matches(std::string_view glob, std::string_view text);

}  // namespace lensbench

#pragma once

#include <string_view>

namespace lensbench {

/// Whether the whole of `text` matches a glob of fnmatch(3): `*` matches any characters, `?` one
/// character, `[abc]`, `[a-z]` and `[!a]` one character of a set. Backslash and slash are ordinary
/// characters.
bool glob_matches(std::string_view glob, std::string_view text);

}  // namespace lensbench

#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace lensbench::page {

/// Text for the data of a page: U+FFFD replaces the byte 0 and whatever is not valid UTF-8.
std::string valid_text(std::string_view text);

/// Beginning of a valid text of at most `most` characters; a cut text ends in `…`.
std::string cut(std::string_view text, std::size_t most);

}  // namespace lensbench::page

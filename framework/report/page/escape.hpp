#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace lensbench::page {

/// Text for the data of a page: U+FFFD replaces the byte 0 and whatever is not valid UTF-8.
std::string valid_text(std::string_view text);

/// Text for the content of an element or for an attribute in double quotes: valid UTF-8 in which
/// no character can begin or end an element, an attribute or a character reference. Control
/// characters that HTML does not allow become U+FFFD. The only way by which texts enter the static
/// part of a page.
std::string escaped(std::string_view text);

/// Beginning of a valid text of at most `most` characters; a cut text ends in `…`.
std::string cut(std::string_view text, std::size_t most);

}  // namespace lensbench::page

#pragma once

#include <string>
#include <string_view>

namespace lensbench {

/// Text for the content of an element of HTML or SVG, or for an attribute in double quotes: valid
/// UTF-8 in which no character can begin or end an element, an attribute or a character reference.
/// Characters that HTML or XML does not allow become U+FFFD, and a carriage return a reference,
/// since a parser turns a bare one into a newline. The only way by which texts enter a document.
std::string escape_markup(std::string_view bytes);

}  // namespace lensbench

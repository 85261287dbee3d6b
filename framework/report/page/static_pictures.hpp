#pragma once

#include <cstddef>
#include <string>

#include "report/page/fill.hpp"

namespace lensbench::page {

/// Pictures that the page shows without JavaScript: of every result the first variable of each
/// view, for the first chosen case that has values, with the command that writes the same picture.
/// What cannot be drawn, or has more than four million values, is left out.
/// \param bytes  room for all of them; a picture that does not fit is left out
/// \return elements of HTML \throws InputError for damaged content
std::string static_pictures(const PageRun& run, std::size_t bytes);

}  // namespace lensbench::page

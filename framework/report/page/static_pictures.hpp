#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "report/page/fill.hpp"

namespace lensbench::page {

/// A picture that a page shows without JavaScript.
struct StaticPicture {
  std::string svg;      ///< empty if there is no room for it
  std::string caption;  ///< what it shows and the command that writes the same picture, in HTML
  std::string notes;    ///< what the picture leaves out, in HTML; empty for nothing
};

/// Pictures of every result: the first variable of each view, for the first chosen case that has
/// values. What has no figure is left out; a variable of more than four million values is named.
/// \param bytes  room for all of them; a picture that does not fit is only named
/// \throws InputError for damaged content
std::vector<StaticPicture> static_pictures(const PageRun& run, std::size_t bytes);

/// Pictures as elements of HTML. \param shown  false: all of them are only named
std::string elements_of(const std::vector<StaticPicture>& pictures, bool shown);

}  // namespace lensbench::page

#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "report/figure/figure.hpp"

namespace lensbench::figure {

/// Formats of the file of a figure.
enum class Format { svg, png, pdf };

/// The library that turns SVG into PNG and PDF. It is loaded from the folder of the lensbench
/// library when an object of this class is made, so that other commands do not load it.
class Renderer {
 public:
  /// Loads the library with all that it needs but the fonts.
  /// \throws RunError if the library is missing or cannot be loaded, with the package it needs
  Renderer();

  /// Folders with the fonts of the system, which rendering reads.
  const std::vector<std::filesystem::path>& font_folders() const { return folders_; }

  /// Renders a figure, with its facts as texts of the PNG or keywords of the PDF. Equal figures and
  /// fonts give equal bytes. Adds a note to the figure for characters that no font has.
  /// \param format  png or pdf
  /// \param dpi     pixels per inch of a PNG
  /// \throws UsageError for an image of more than 100 million pixels; RunError if it fails
  std::string render(Figure& figure, Format format, double dpi) const;

 private:
  void* render_;  ///< `lensbench_render_figure` of the library
  std::vector<std::filesystem::path> folders_;
};

}  // namespace lensbench::figure

#pragma once

#include <cstddef>

// Interface of liblensbench_figures.so, which turns SVG into PNG and PDF. It is a library of its
// own, loaded only when such a figure is asked for, because librsvg and cairo take time and memory
// to load. The interface is plain C, so that the library can be built without libtorch and its
// settings.

/// Receiver of bytes or of one text. \param sink  the pointer of the caller
using LensbenchTake = void (*)(void* sink, const char* bytes, std::size_t size);

/// A figure to render.
struct LensbenchRendering {
  const char* svg;  ///< one `<svg>` element
  std::size_t svg_bytes;
  int pdf;                ///< 1: PDF; 0: PNG
  double width, height;   ///< in points
  double dpi;             ///< pixels per inch of a PNG
  const char* title;      ///< title of a PDF; UTF-8
  const char* keywords;   ///< keywords of a PDF; UTF-8
  const char* texts;      ///< all texts of the figure, for the search for missing glyphs; UTF-8
  LensbenchTake take;     ///< receives the file in parts
  LensbenchTake missing;  ///< receives characters that no font has, in UTF-8, one at a time
  void* sink;             ///< first argument of both
};

#define LENSBENCH_RENDERING_API extern "C" __attribute__((visibility("default")))

/// Loads fonts and the code that decodes images, so that a confined process needs only to read the
/// fonts. \param folder  receives each folder with fonts \param sink  first argument of `folder`
LENSBENCH_RENDERING_API void lensbench_prepare_figures(LensbenchTake folder, void* sink);

/// Renders a figure. \return nullptr, or what went wrong, valid until the next call
LENSBENCH_RENDERING_API const char* lensbench_render_figure(const LensbenchRendering* rendering);

#include "rendering/rendering.hpp"

#include <cairo-pdf.h>
#include <cairo.h>
#include <fontconfig/fontconfig.h>
#include <librsvg/rsvg.h>

#include <cmath>
#include <cstring>
#include <memory>
#include <set>
#include <string>

namespace {

struct FreeHandle {
  void operator()(RsvgHandle* handle) const { g_object_unref(handle); }
};
struct FreeSurface {
  void operator()(cairo_surface_t* surface) const { cairo_surface_destroy(surface); }
};
struct FreeContext {
  void operator()(cairo_t* context) const { cairo_destroy(context); }
};
using Surface = std::unique_ptr<cairo_surface_t, FreeSurface>;

cairo_status_t pass_on(void* closure, const unsigned char* bytes, unsigned int size) {
  const auto* rendering = static_cast<const LensbenchRendering*>(closure);
  rendering->take(rendering->sink, reinterpret_cast<const char*>(bytes), size);
  return CAIRO_STATUS_SUCCESS;
}

std::string status_of(cairo_status_t status) {
  return status == CAIRO_STATUS_SUCCESS ? "" : cairo_status_to_string(status);
}

/// Draws the SVG over the whole surface. \return what went wrong, else empty
std::string draw(const LensbenchRendering& rendering, cairo_t* context, double width,
                 double height) {
  GError* error = nullptr;
  const std::unique_ptr<RsvgHandle, FreeHandle> handle(rsvg_handle_new_from_data(
      reinterpret_cast<const guint8*>(rendering.svg), rendering.svg_bytes, &error));
  const RsvgRectangle page{0, 0, width, height};
  if (handle) rsvg_handle_render_document(handle.get(), context, &page, &error);
  if (error == nullptr) return status_of(cairo_status(context));
  const std::string what = error->message;
  g_error_free(error);
  return what;
}

std::string render_pdf(const LensbenchRendering& rendering) {
  const Surface surface(cairo_pdf_surface_create_for_stream(
      pass_on, const_cast<LensbenchRendering*>(&rendering), rendering.width, rendering.height));
  cairo_pdf_surface_set_metadata(surface.get(), CAIRO_PDF_METADATA_TITLE, rendering.title);
  cairo_pdf_surface_set_metadata(surface.get(), CAIRO_PDF_METADATA_KEYWORDS, rendering.keywords);
  // Without a date of creation, equal figures are equal files.
  cairo_pdf_surface_set_metadata(surface.get(), CAIRO_PDF_METADATA_CREATE_DATE, "");
  const std::unique_ptr<cairo_t, FreeContext> context(cairo_create(surface.get()));
  std::string problem = draw(rendering, context.get(), rendering.width, rendering.height);
  cairo_show_page(context.get());
  cairo_surface_finish(surface.get());
  return problem.empty() ? status_of(cairo_surface_status(surface.get())) : problem;
}

std::string render_png(const LensbenchRendering& rendering) {
  const double scale = rendering.dpi / 72;
  const int width = static_cast<int>(std::lround(rendering.width * scale));
  const int height = static_cast<int>(std::lround(rendering.height * scale));
  const Surface surface(cairo_image_surface_create(CAIRO_FORMAT_RGB24, width, height));
  const std::unique_ptr<cairo_t, FreeContext> context(cairo_create(surface.get()));
  // The size in whole pixels differs a little from that of the figure, whose edges would mix with
  // black.
  cairo_set_source_rgb(context.get(), 1, 1, 1);
  cairo_paint(context.get());
  std::string problem = draw(rendering, context.get(), width, height);
  if (!problem.empty()) return problem;
  return status_of(cairo_surface_write_to_png_stream(surface.get(), pass_on,
                                                     const_cast<LensbenchRendering*>(&rendering)));
}

/// Passes on the characters of the texts that are in none of the fonts of this system. A few are
/// enough to know which font is missing.
void report_missing(const LensbenchRendering& rendering) {
  constexpr int kMost = 20;
  int missing = 0;
  const FcFontSet* fonts = FcConfigGetFonts(nullptr, FcSetSystem);
  const auto has = [&](FcChar32 character) {
    for (int i = 0; fonts != nullptr && i < fonts->nfont; ++i) {
      FcCharSet* characters = nullptr;
      if (FcPatternGetCharSet(fonts->fonts[i], FC_CHARSET, 0, &characters) == FcResultMatch &&
          FcCharSetHasChar(characters, character) != 0)
        return true;
    }
    return false;
  };
  std::set<FcChar32> seen;
  const auto* text = reinterpret_cast<const FcChar8*>(rendering.texts);
  int left = static_cast<int>(std::strlen(rendering.texts));
  while (left > 0 && missing < kMost) {
    FcChar32 character = 0;
    const int length = FcUtf8ToUcs4(text, &character, left);
    if (length <= 0) return;
    if (character > 0x20 && seen.insert(character).second && !has(character)) {
      rendering.missing(rendering.sink, reinterpret_cast<const char*>(text),
                        static_cast<std::size_t>(length));
      ++missing;
    }
    text += length;
    left -= length;
  }
}

/// A figure with two images of one pixel, a PNG and a JPEG, which makes the library load the code
/// that decodes images.
/// It does not have a text: Pango would start the thread that finds fonts, and that thread would
/// not exist in a process made by fork, where texts would wait for it forever.
constexpr const char* kSmallFigure =
    "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"9pt\" height=\"9pt\"><image width=\"1\" "
    "height=\"1\" href=\"data:image/png;base64,"
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="
    "\"/><image width=\"1\" height=\"1\" href=\"data:image/jpeg;base64,"
    "/9j/4AAQSkZJRgABAQAAAQABAAD/"
    "2wBDABALDA4MChAODQ4SERATGCgaGBYWGDEjJR0oOjM9PDkzODdASFxOQERXRTc4UG1R"
    "V19iZ2hnPk1xeXBkeFxlZ2P/wAALCAABAAEBAREA/8QAFAABAAAAAAAAAAAAAAAAAAAAB//"
    "EABQQAQAAAAAAAAAAAAAAAAAAAAD"
    "/2gAIAQEAAD8AQH//2Q=="
    "\"/>"
    "</svg>";

}  // namespace

void lensbench_prepare_figures(LensbenchTake folder, void* sink) {
  FcInit();
  if (FcStrList* folders = FcConfigGetFontDirs(nullptr)) {
    while (const FcChar8* one = FcStrListNext(folders))
      folder(sink, reinterpret_cast<const char*>(one),
             std::strlen(reinterpret_cast<const char*>(one)));
    FcStrListDone(folders);
  }
  LensbenchRendering small{};
  small.svg = kSmallFigure;
  small.svg_bytes = std::strlen(kSmallFigure);
  small.width = small.height = 9;
  small.dpi = 72;
  small.take = [](void*, const char*, std::size_t) {};
  render_png(small);
}

const char* lensbench_render_figure(const LensbenchRendering* rendering) {
  // The caller reads it before the next call, which comes from the same thread.
  static std::string problem;
  problem = rendering->pdf != 0 ? render_pdf(*rendering) : render_png(*rendering);
  if (problem.empty()) report_missing(*rendering);
  return problem.empty() ? nullptr : problem.c_str();
}

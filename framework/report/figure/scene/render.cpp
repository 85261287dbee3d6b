#include "report/figure/scene/render.hpp"

#include <dlfcn.h>

#include <algorithm>
#include <lensbench/error.hpp>

#include "rendering/rendering.hpp"
#include "report/figure/scale.hpp"
#include "report/figure/scene/png.hpp"
#include "report/figure/scene/scene.hpp"
#include "report/terminal/text.hpp"

namespace lensbench::figure {
namespace {

namespace fs = std::filesystem;

constexpr const char* kLibrary = "liblensbench_figures.so";

/// The folder of the library or program that contains this function, and `lib` next to it.
std::vector<fs::path> folders_of_library() {
  Dl_info info{};
  if (dladdr(reinterpret_cast<const void*>(&folders_of_library), &info) == 0) return {};
  std::error_code error;
  const fs::path folder = fs::weakly_canonical(info.dli_fname, error).parent_path();
  return {folder, folder.parent_path() / "lib"};
}

void* load() {
  for (const fs::path& folder : folders_of_library()) {
    const fs::path file = folder / kLibrary;
    if (!fs::exists(file)) continue;
    if (void* library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL)) return library;
    throw RunError("figure: the library that writes .png and .pdf cannot be loaded: " +
                   std::string(dlerror()) + "; install the package librsvg2-2, or write .svg");
  }
  throw RunError(std::string("figure: ") + kLibrary +
                 ", which writes .png and .pdf, is missing: lensbench was built with "
                 "-DLENSBENCH_FIGURES=OFF; write .svg, or build it with the package librsvg2-dev");
}

template <class Function>
Function* function_of(void* library, const char* name) {
  void* found = dlsym(library, name);
  if (found == nullptr)
    throw RunError(std::string("figure: ") + kLibrary + " does not have the function " + name +
                   "; install lensbench again");
  return reinterpret_cast<Function*>(found);
}

/// All texts that a figure shows, for the search for glyphs. References of XML may stay in it,
/// since every font has their ASCII characters.
std::string texts_of(const std::string& svg) {
  std::string texts;
  bool inside = false;
  // Title and description are not drawn.
  const std::size_t described = svg.find("</desc>");
  for (std::size_t at = described == std::string::npos ? 0 : described; at < svg.size(); ++at) {
    if (svg[at] == '<') inside = true;
    if (!inside) texts += svg[at];
    if (svg[at] == '>') inside = false;
  }
  return texts;
}

/// Facts as they are stored in files: without control characters, which would end a C string.
std::vector<std::pair<std::string, std::string>> stored_facts(const Figure& figure) {
  std::vector<std::pair<std::string, std::string>> facts = {{"Title", figure.title}};
  for (const auto& [name, value] : figure.facts)
    facts.emplace_back(name, terminal::visible(value, terminal::Blanks::kept));
  return facts;
}

std::string keywords_of(const Figure& figure) {
  std::string keywords;
  for (const auto& [name, value] : stored_facts(figure))
    if (name != "Title") keywords += (keywords.empty() ? "" : "; ") + name + ": " + value;
  return keywords;
}

/// What the library hands over.
struct Received {
  std::string bytes, missing;
};

void append_bytes(void* sink, const char* bytes, std::size_t size) {
  static_cast<Received*>(sink)->bytes.append(bytes, size);
}

void append_missing(void* sink, const char* bytes, std::size_t size) {
  static_cast<Received*>(sink)->missing.append(bytes, size);
}

void add_folder(void* sink, const char* bytes, std::size_t size) {
  static_cast<std::vector<fs::path>*>(sink)->emplace_back(std::string(bytes, size));
}

void check_pixels(const Figure& figure, double dpi) {
  constexpr double kLargestImage = 1e8, kLongestSide = 32767;  // the latter of cairo
  const double wide = figure.width_mm / 25.4 * dpi, high = figure.height_mm / 25.4 * dpi;
  if (wide * high > kLargestImage || std::max(wide, high) > kLongestSide)
    throw UsageError("--dpi: an image of " + decimal(wide, 0) + " x " + decimal(high, 0) +
                     " pixels is too large (at most 100 million, 32,767 in a row or column); use "
                     "fewer pixels per inch, or write .pdf");
}

}  // namespace

Renderer::Renderer() {
  void* library = load();
  render_ = reinterpret_cast<void*>(
      function_of<decltype(lensbench_render_figure)>(library, "lensbench_render_figure"));
  function_of<decltype(lensbench_prepare_figures)>(library, "lensbench_prepare_figures")(add_folder,
                                                                                         &folders_);
}

std::string Renderer::render(Figure& figure, Format format, double dpi) const {
  if (format == Format::png) check_pixels(figure, dpi);
  Received received;
  const std::string texts = texts_of(figure.svg), keywords = keywords_of(figure);
  LensbenchRendering rendering{};
  rendering.svg = figure.svg.data();
  rendering.svg_bytes = figure.svg.size();
  rendering.pdf = format == Format::pdf ? 1 : 0;
  rendering.width = figure.width_mm * kPointsPerMm;
  rendering.height = figure.height_mm * kPointsPerMm;
  rendering.dpi = dpi;
  rendering.title = figure.title.c_str();
  rendering.keywords = keywords.c_str();
  rendering.texts = texts.c_str();
  rendering.take = append_bytes;
  rendering.missing = append_missing;
  rendering.sink = &received;
  const auto render = reinterpret_cast<decltype(&lensbench_render_figure)>(render_);
  if (const char* problem = render(&rendering))
    throw RunError(std::string("figure: librsvg could not draw it: ") + problem +
                   "; write .svg, and try with a smaller figure or fewer pixels per inch");
  if (!received.missing.empty())
    figure.notes.push_back(
        "no font of this system has these characters, which are drawn as "
        "boxes: " +
        received.missing + "; install a font that has them (fonts-noto)");
  return format == Format::png ? with_texts(received.bytes, stored_facts(figure), dpi)
                               : received.bytes;
}

}  // namespace lensbench::figure

#include "core/text/base64.hpp"
#include "core/text/markup.hpp"
#include "core/text/utf8.hpp"
#include "report/figure/scale.hpp"
#include "report/figure/scene/png.hpp"
#include "report/figure/scene/scene.hpp"

namespace lensbench::figure {
namespace {

/// Hundredths of a point are finer than any printer.
std::string points(double length) {
  return decimal(length, 2);
}

/// Writer of elements. Every text goes through `escape_markup`, in `attribute` or in `content`.
class SvgWriter {
 public:
  std::string document(const Scene& scene) {
    open("svg");
    attribute("xmlns", "http://www.w3.org/2000/svg");
    attribute("width", points(scene.width) + "pt");
    attribute("height", points(scene.height) + "pt");
    attribute("viewBox", "0 0 " + points(scene.width) + " " + points(scene.height));
    attribute("role", "img");
    attribute("font-family", scene.font);
    attribute("font-size", points(kTextSize));
    attribute("fill", hex(kInk));
    out_ += ">\n";
    content("title", scene.title);
    content("desc", scene.description);
    (*this)(Rect{0, 0, scene.width, scene.height, kPaper});
    for (const Item& item : scene.items) std::visit(*this, item);
    out_ += "</svg>\n";
    return std::move(out_);
  }

  void operator()(const Rect& rect) {
    open("rect");
    box(rect.x, rect.y, rect.width, rect.height);
    attribute("fill", hex(rect.fill));
    out_ += "/>\n";
  }

  void operator()(const Cells& cells) {
    out_ += "<g shape-rendering=\"crispEdges\"";
    if (cells.opacity < 1) attribute("opacity", points(cells.opacity));
    out_ += ">\n";
    for (const Rect& rect : cells.rects) (*this)(rect);
    out_ += "</g>\n";
  }

  void operator()(const Path& path) {
    open("path");
    std::string d;
    for (const auto& part : path.parts)
      for (std::size_t i = 0; i < part.size(); ++i)
        d += (i == 0 ? "M" : "L") + points(part[i].first) + " " + points(part[i].second);
    attribute("d", d);
    attribute("fill", path.fill ? hex(*path.fill) : "none");
    if (path.stroke) {
      attribute("stroke", hex(*path.stroke));
      attribute("stroke-width", points(path.width));
      attribute("stroke-linejoin", "round");
    }
    if (path.dashed) attribute("stroke-dasharray", "2 1.5");
    if (path.opacity < 1) attribute("opacity", points(path.opacity));
    out_ += "/>\n";
  }

  void operator()(const Dot& dot) {
    open("circle");
    attribute("cx", points(dot.x));
    attribute("cy", points(dot.y));
    attribute("r", points(dot.radius));
    attribute("fill", hex(dot.fill));
    out_ += "/>\n";
  }

  void operator()(const Text& text) {
    if (text.text.empty()) return;
    open("text");
    attribute("x", points(text.x));
    attribute("y", points(text.y));
    if (text.upright)
      attribute("transform", "rotate(-90 " + points(text.x) + " " + points(text.y) + ")");
    if (text.anchor != Anchor::start)
      attribute("text-anchor", text.anchor == Anchor::middle ? "middle" : "end");
    if (text.bold) attribute("font-weight", "bold");
    if (text.fill != kInk) attribute("fill", hex(text.fill));
    out_ += ">" + escape_markup(text.text) + "</text>\n";
  }

  void operator()(const Image& image) {
    open("image");
    box(image.x, image.y, image.width, image.height);
    attribute("preserveAspectRatio", "none");
    if (image.jpeg.empty()) attribute("image-rendering", "pixelated");
    attribute("href", image.jpeg.empty() ? "data:image/png;base64," + base64(image.png)
                                         : "data:image/jpeg;base64," + base64(image.jpeg));
    out_ += "/>\n";
  }

 private:
  void open(std::string_view name) {
    out_ += "<";
    out_ += name;
  }

  void attribute(std::string_view name, std::string_view value) {
    out_ += " ";
    out_ += name;
    out_ += "=\"" + escape_markup(value) + "\"";
  }

  void content(const std::string& name, std::string_view text) {
    if (!text.empty()) out_ += "<" + name + ">" + escape_markup(text) + "</" + name + ">\n";
  }

  void box(double x, double y, double width, double height) {
    attribute("x", points(x));
    attribute("y", points(y));
    attribute("width", points(width));
    attribute("height", points(height));
  }

  std::string out_;
};

}  // namespace

Path straight(double x1, double y1, double x2, double y2, Colour colour, double width) {
  return {.parts = {{{x1, y1}, {x2, y2}}}, .stroke = colour, .width = width};
}

std::string svg_of(const Scene& scene) {
  return SvgWriter().document(scene);
}

}  // namespace lensbench::figure

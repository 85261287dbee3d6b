#pragma once

#include <map>
#include <string>
#include <vector>

namespace lensbench::testing {

/// An element of an SVG as a test reads it: name, attributes and text.
struct Element {
  std::string name, text;
  std::map<std::string, std::string> attributes;

  double number(const std::string& attribute) const { return std::stod(attributes.at(attribute)); }
};

/// All elements with a name, in the order of the document. Only for documents of `svg_of`, whose
/// elements are one line each.
inline std::vector<Element> elements(const std::string& svg, const std::string& name) {
  std::vector<Element> found;
  const std::string begin = "<" + name + " ";
  for (std::size_t at = svg.find(begin); at != std::string::npos; at = svg.find(begin, at + 1)) {
    const std::size_t close = svg.find('>', at);
    Element element{name, svg.substr(close + 1, svg.find('<', close) - close - 1), {}};
    // NAME="VALUE" NAME="VALUE": quotes separate them, because `escaped` leaves none in a value.
    for (std::size_t from = at + begin.size(); from < close;) {
      const std::size_t equal = svg.find("=\"", from), end = svg.find('"', equal + 2);
      if (equal > close) break;
      element.attributes[svg.substr(from, equal - from)] = svg.substr(equal + 2, end - equal - 2);
      from = end + 2;
    }
    found.push_back(element);
  }
  return found;
}

/// Texts of an SVG in their order.
inline std::vector<std::string> texts(const std::string& svg) {
  std::vector<std::string> found;
  for (const Element& element : elements(svg, "text")) found.push_back(element.text);
  return found;
}

/// Rectangles of maps: those in groups without smoothed edges, before the colour bar.
inline std::vector<Element> cells(const std::string& svg, std::size_t group = 0) {
  const std::string begin = "<g shape-rendering=\"crispEdges\">";
  std::size_t at = svg.find(begin);
  for (std::size_t i = 0; i < group && at != std::string::npos; ++i) at = svg.find(begin, at + 1);
  if (at == std::string::npos) return {};
  return elements(svg.substr(at, svg.find("</g>", at) - at), "rect");
}

}  // namespace lensbench::testing

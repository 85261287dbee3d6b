#include "cli/commands/plot_options.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <lensbench/error.hpp>
#include <optional>
#include <utility>

namespace lensbench::cli {
namespace {

template <class Number>
std::optional<Number> parse_number(std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

[[noreturn]] void refuse(const std::string& option, const std::string& text,
                         const std::string& expected) {
  throw UsageError("plot: --" + option + " has '" + text + "'; expected " + expected);
}

figure::CellContent cell_content(const std::string& word) {
  if (word == "text") return figure::CellContent::text;
  if (word == "number") return figure::CellContent::number;
  if (word == "none") return figure::CellContent::none;
  return figure::CellContent::automatic;
}

}  // namespace

figure::Format format_of(const std::string& file) {
  const auto end = std::filesystem::path(file).extension();
  if (end == ".svg") return figure::Format::svg;
  if (end == ".png") return figure::Format::png;
  if (end == ".pdf") return figure::Format::pdf;
  throw UsageError("plot: the end of '" + file +
                   "' must name the format of the figure: .svg, .png or .pdf");
}

double dpi_of(const Options& options, figure::Format format) {
  constexpr std::uint64_t kLeast = 10, kMost = 2400;
  const std::uint64_t dpi = options.count("dpi");
  if (options.given("dpi") && format != figure::Format::png)
    throw UsageError("plot: --dpi is for .png; the other formats do not have pixels; leave it out");
  if (dpi < kLeast || dpi > kMost)
    refuse("dpi", options.text("dpi"), "a whole number from 10 to 2400");
  return static_cast<double>(dpi);
}

double length_in_mm(const std::string& option, const std::string& text) {
  constexpr std::array<std::pair<std::string_view, double>, 4> kUnits{
      {{"mm", 1}, {"cm", 10}, {"in", 25.4}, {"pt", 25.4 / 72}}};
  std::string_view number = text;
  double unit = 1;
  for (const auto& [name, mm] : kUnits)
    if (number.ends_with(name)) {
      number.remove_suffix(name.size());
      unit = mm;
      break;
    }
  const auto value = parse_number<double>(number);
  if (!value || !(*value > 0) || *value > 1e6)
    refuse(option, text, "a length such as 85mm, 8.5cm, 3.5in or 240pt");
  return *value * unit;
}

figure::Span span_of(const std::string& option, const std::string& text) {
  figure::Span span{0, figure::kNoEnd};
  const auto colon = text.find(':');
  const std::string first = text.substr(0, colon);
  const std::string last = colon == std::string::npos ? first : text.substr(colon + 1);
  const auto read = [&](const std::string& part, std::int64_t& end) {
    if (part.empty() && colon != std::string::npos) return;
    const auto number = parse_number<std::int32_t>(part);
    if (!number || *number < 0) refuse(option, text, "numbers such as 2:5, 2: or 2");
    end = *number;
  };
  read(first, span.first);
  read(last, span.last);
  if (text == ":" || span.first > span.last) refuse(option, text, "numbers such as 2:5, 2: or 2");
  return span;
}

std::vector<figure::Span> spans_of(const std::string& option, const std::string& text) {
  std::vector<figure::Span> spans;
  for (std::size_t begin = 0; begin <= text.size();) {
    const auto end = std::min(text.find(',', begin), text.size());
    const figure::Span span = span_of(option, text.substr(begin, end - begin));
    if (!spans.empty() && span.first <= spans.back().last)
      refuse(option, text, "numbers in increasing order, such as 2,5:7");
    spans.push_back(span);
    begin = end + 1;
  }
  return spans;
}

std::pair<double, double> range_of(const std::string& option, const std::string& text) {
  const auto colon = text.find(':');
  if (colon != std::string::npos) {
    const auto low = parse_number<double>(std::string_view(text).substr(0, colon));
    const auto high = parse_number<double>(std::string_view(text).substr(colon + 1));
    if (low && high && std::isfinite(*high - *low) && *low < *high) return {*low, *high};
  }
  refuse(option, text, "two numbers such as 0:1 or -2:2, the smaller one first");
}

figure::Request figure_request(const Options& options) {
  figure::Request request;
  if (options.given("kind")) request.kind = figure::kind_of(options.text("kind"));
  if (options.given("layers")) request.layers = span_of("layers", options.text("layers"));
  if (options.given("tokens")) request.tokens = spans_of("tokens", options.text("tokens"));
  if (options.given("range")) request.range = range_of("range", options.text("range"));
  for (const std::string& text : options.list("at")) {
    const auto equals = text.find('=');
    if (equals == std::string::npos || equals == 0)
      refuse("at", text, "the name of a dimension and a label, such as head=3");
    request.at[text.substr(0, equals)] = text.substr(equals + 1);
  }
  request.width_mm = length_in_mm("width", options.text("width"));
  if (const std::string& height = options.text("height"); height != "auto")
    request.height_mm = length_in_mm("height", height);
  request.palette = options.text("palette");
  request.log = options.flag("log");
  request.font = options.text("font");
  request.title = !options.flag("no-title");
  request.cells = cell_content(options.text("cells"));
  figure::check_request(request);
  return request;
}

}  // namespace lensbench::cli

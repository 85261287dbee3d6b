#include "report/figure/figure.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <lensbench/error.hpp>
#include <lensbench/result_spec.hpp>

#include "report/figure/drawing.hpp"
#include "report/figure/map.hpp"
#include "report/figure/palette.hpp"
#include "report/terminal/text.hpp"

namespace lensbench::figure {
namespace {

constexpr double kNarrowest = 20, kWidest = 1000;

/// The view that a tool declared; empty for none and for one of a later version.
std::optional<View> declared_view(const Variable& variable) {
  const auto found = variable.attributes.find("view");
  if (found == variable.attributes.end()) return std::nullopt;
  const auto* name = std::get_if<std::string>(&found->second);
  return name == nullptr ? std::nullopt : view_of(*name);
}

bool is_attention(const std::vector<std::string>& dims) {
  return dims.size() >= 2 && dims.back().starts_with("key_position");
}

using At = std::map<std::string, std::string>;

/// Dimensions that a picture has to draw.
std::vector<std::string> drawn_dims(const Variable& variable, const At& at) {
  auto dims = dims_without_cases(variable);
  std::erase_if(dims, [&](const std::string& dim) { return at.contains(dim); });
  return dims;
}

Kind kind_by_dims(const Dataset& dataset, const Variable& variable, const At& at) {
  const auto dims = drawn_dims(variable, at);
  if (is_attention(dims)) return Kind::attention;
  if (!interval_of(dataset, variable).empty() && dims.size() == 1) return Kind::points;
  if (dims.size() >= 2) return Kind::heatmap;
  if (dims.empty()) return Kind::bars;
  if (dims.front() == "token") return Kind::tokens;
  return is_ordered(dataset, dims.front()) ? Kind::line : Kind::bars;
}

/// The kind of a view, or the one of the dimensions where the view needs others.
Kind kind_of_view(View view, const Dataset& dataset, const Variable& variable, const At& at) {
  const auto dims = drawn_dims(variable, at);
  const bool has_token = std::find(dims.begin(), dims.end(), "token") != dims.end();
  switch (view) {
    case View::image:
      if (std::find(dims.begin(), dims.end(), "image_token") != dims.end()) return Kind::patches;
      [[fallthrough]];
    case View::heatmap:
    case View::patching:
      if (dims.size() >= 2) return is_attention(dims) ? Kind::attention : Kind::heatmap;
      break;
    case View::attention:
      if (is_attention(dims)) return Kind::attention;
      break;
    case View::trajectory:
      if (!dims.empty() && interval_of(dataset, variable).empty()) return Kind::line;
      break;
    case View::bars:
      if (!dims.empty() && dims != std::vector<std::string>{"token"} &&
          interval_of(dataset, variable).empty())
        return Kind::bars;
      break;
    case View::tokens:
    case View::generation:
      if (has_token) return Kind::tokens;
      break;
    default:
      break;
  }
  return kind_by_dims(dataset, variable, at);
}

/// Refuses what has no picture, whichever kind is asked for.
void check_drawable(const Variable& variable) {
  const std::string name = variable.name;
  if (variable.is_text())
    throw UsageError(name +
                     ": it holds texts, which are not drawn; lensbench export --format csv "
                     "writes them");
  if (variable.coordinate)
    throw UsageError(name +
                     ": it is a coordinate, which labels the axes of other variables; "
                     "name one of these");
  if (variable.holds == Holds::token_ids)
    throw UsageError(name +
                     ": it holds token ids, whose numbers have no order; the figure of a "
                     "probability over the same dimensions shows their texts in its cells");
  if (declared_view(variable) == View::graph)
    throw UsageError(name + ": graphs are not drawn; lensbench show lists their edges");
  if (variable.tensor.numel() == 0) throw UsageError(name + ": it does not have any value");
  if (variable.tensor.numel() == 1 && variable.dims.size() < 2 &&
      dims_without_cases(variable).empty())
    throw UsageError(name +
                     ": it is a single value, which needs no figure; lensbench show prints it");
}

void draw_kind(Drawing& drawing, Kind kind) {
  switch (kind) {
    case Kind::heatmap:
      return draw_heatmap(drawing);
    case Kind::line:
      return draw_lines(drawing, false);
    case Kind::lines:
      return draw_lines(drawing, true);
    case Kind::bars:
      return draw_bars(drawing);
    case Kind::tokens:
      return draw_tokens(drawing);
    case Kind::attention:
      return draw_attention(drawing);
    case Kind::points:
      return draw_points(drawing);
    case Kind::patches:
      return draw_patches(drawing);
  }
}

std::string shape_in_words(const Variable& variable) {
  std::string text;
  const auto shape = variable.shape();
  for (std::size_t i = 0; i < shape.size(); ++i)
    text += (i == 0 ? "" : ", ") + variable.dims[i] + " " + std::to_string(shape[i]);
  return text;
}

/// One fact in a line, for the description in the file.
std::string description_of(const Drawing& drawing) {
  std::string text;
  for (const auto& [name, value] : drawing.facts)
    text +=
        (text.empty() ? "" : "\n") + name + ": " + terminal::visible(value, terminal::Blanks::kept);
  for (const std::string& note : drawing.notes) text += "\nnote: " + note;
  return text;
}

constexpr std::array<const char*, 8> kKindNames{"heatmap", "line",      "lines",  "bars",
                                                "tokens",  "attention", "points", "patches"};

}  // namespace

const char* to_string(Kind kind) {
  return kKindNames.at(static_cast<std::size_t>(kind));
}

const std::vector<std::string>& kind_names() {
  static const std::vector<std::string> names(kKindNames.begin(), kKindNames.end());
  return names;
}

std::optional<Kind> kind_of(std::string_view name) {
  for (std::size_t i = 0; i < kKindNames.size(); ++i)
    if (name == kKindNames[i]) return static_cast<Kind>(i);
  return std::nullopt;
}

void check_request(const Request& request) {
  if (!(request.width_mm >= kNarrowest && request.width_mm <= kWidest))
    throw UsageError("--width: a figure is " + decimal(kNarrowest, 0) + " to " +
                     decimal(kWidest, 0) + " mm wide");
  if (request.height_mm && !(*request.height_mm > 0 && *request.height_mm <= kWidest))
    throw UsageError("--height: a figure is at most " + decimal(kWidest, 0) + " mm high");
  if (!request.palette.empty()) palette_colour(request.palette, 0);
  font_families(request.font);
}

Kind default_kind(const Dataset& dataset, const Variable& variable, const At& at) {
  check_drawable(variable);
  if (has_grades(dataset, variable)) return Kind::points;
  const auto view = declared_view(variable);
  return view ? kind_of_view(*view, dataset, variable, at) : kind_by_dims(dataset, variable, at);
}

Figure draw(const Dataset& dataset, const Request& request, const TokenText& token_text) {
  check_request(request);
  const Variable& variable = variable_of(dataset, request);
  const Kind by_default = default_kind(dataset, variable, request.at);
  const Kind kind = request.kind.value_or(by_default);
  if (!request.photos.empty() && kind != Kind::patches)
    throw UsageError("--picture: '" + request.variable +
                     "' is not drawn over the rectangles of a picture; leave it out");
  Drawing drawing{dataset, variable, request, token_text};
  const std::string name =
      (request.dataset.empty() ? "" : request.dataset + "/") + request.variable;
  drawing.facts = {
      {"variable", name}, {"dimensions", shape_in_words(variable)}, {"kind", to_string(kind)}};
  if (!variable.long_name.empty()) drawing.facts.emplace_back("meaning", variable.long_name);
  if (!request.case_id.empty()) drawing.facts.emplace_back("case", request.case_id);
  draw_kind(drawing, kind);
  for (const auto& fact : request.facts) drawing.facts.push_back(fact);
  drawing.scene.description = description_of(drawing);
  return {.svg = svg_of(drawing.scene),
          .title = drawing.scene.title,
          .width_mm = drawing.scene.width / kPointsPerMm,
          .height_mm = drawing.scene.height / kPointsPerMm,
          .notes = drawing.notes,
          .facts = drawing.facts};
}

std::vector<std::string> variables_to_read(const std::vector<Variable>& facts,
                                           const std::string& variable) {
  const auto drawn = [&](const std::string& name) {
    return name == variable || name.starts_with(variable + "_case");
  };
  std::vector<std::string> dims;
  for (const Variable& one : facts)
    if (drawn(one.name)) dims.insert(dims.end(), one.dims.begin(), one.dims.end());
  // A lens is drawn together with its ranks, an interval with its bounds, attention with its
  // tokens.
  for (const char* dim : {"rank", "bound", "token", "case", "case_number"}) dims.emplace_back(dim);
  std::string stem = variable;
  if (stem.ends_with("_mean")) stem.resize(stem.size() - 5);
  std::vector<std::string> names;
  for (const Variable& one : facts) {
    const bool labels =
        one.coordinate && std::all_of(one.dims.begin(), one.dims.end(), [&](const auto& dim) {
          return std::find(dims.begin(), dims.end(), dim) != dims.end();
        });
    const bool companion = one.name.ends_with("top_id") || one.name == "settled_layer" ||
                           one.name == variable + "_interval" || one.name == stem + "_interval" ||
                           is_grades(one);
    if (labels || companion || drawn(one.name)) names.push_back(one.name);
  }
  return names;
}

}  // namespace lensbench::figure

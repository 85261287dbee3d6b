#include <algorithm>
#include <optional>

#include "report/views/generic_views.hpp"
#include "report/views/plane.hpp"

namespace lensbench::terminal {
namespace {

using Kind = lensbench::View;

bool contains_dim(const Variable& variable, std::string_view dim) {
  return std::find(variable.dims.begin(), variable.dims.end(), dim) != variable.dims.end();
}

/// View by dimensions, for datasets whose variables do not say theirs. Texts are drawn only where
/// their tool asks for it, since long ones would fill the screen.
Kind kind_by_dims(const Variable& variable) {
  if (variable.is_text()) return Kind::general;
  const auto axes = axes_of(variable);
  if (axes.size() < 2) return Kind::general;
  if (axes.back().starts_with("key_position")) return Kind::attention;
  if (axes.back() != "token") return Kind::general;
  const std::string& first = axes.front();
  if (first == "component" || first == "head" || first == "neuron") return Kind::bars;
  return axes.size() == 2 ? Kind::heatmap : Kind::general;
}

/// View that the tool declared. An unknown name, from an archive of a later version, counts as
/// none.
std::optional<Kind> declared_kind(const Variable& variable) {
  const auto found = variable.attributes.find("view");
  if (found == variable.attributes.end()) return std::nullopt;
  const auto* name = std::get_if<std::string>(&found->second);
  return name == nullptr ? std::nullopt : lensbench::view_of(*name);
}

/// The view that can draw a variable of these dimensions: that of its attribute, or a related one.
Kind possible_kind(Kind kind, const Variable& variable) {
  const auto axes = axes_of(variable);
  if (axes.empty()) return Kind::general;
  const bool of_tokens = contains_dim(variable, "token");
  // Texts are read one by one, whatever the picture that numbers would have.
  if (variable.is_text() && kind != Kind::general) return of_tokens ? Kind::tokens : Kind::table;
  switch (kind) {
    case Kind::heatmap:
    case Kind::attention:
    case Kind::patching:
      if (axes.size() >= 2) return kind;
      return of_tokens ? Kind::tokens : Kind::bars;
    // Without tokens of pictures, a map of the numbers is the nearest picture.
    case Kind::image:
      if (contains_dim(variable, "image_token")) return kind;
      return axes.size() >= 2 ? Kind::heatmap : Kind::general;
    case Kind::tokens:
    case Kind::generation:
      return of_tokens ? kind : Kind::table;
    case Kind::trajectory:
    case Kind::bars:
      return axes.size() == 1 && of_tokens ? Kind::tokens : kind;
    // A list of edges needs a value for each.
    case Kind::graph:
      return axes.size() == 1 && !of_tokens ? kind : Kind::table;
    default:
      return kind;
  }
}

bool is_empty(const Variable& variable) {
  return variable.is_text() ? variable.strings.empty() : variable.tensor.numel() == 0;
}

/// The pictures of a dataset in the order of their first variables. Variables of `tokens` and
/// those of tables over one dimension share a picture.
class Pictures {
 public:
  explicit Pictures(const View& view) : view_(view) {
    for (const auto& variable : view.dataset.variables()) add(variable);
  }

  Lines draw() const {
    Lines lines;
    for (const auto& picture : pictures_) {
      if (!lines.empty()) lines.emplace_back();
      append(lines, draw(picture));
    }
    return lines;
  }

  const std::vector<const Variable*>& rest() const { return rest_; }
  bool empty() const { return pictures_.empty(); }

 private:
  struct Picture {
    Kind kind;
    std::string dim;  ///< dimension of a shared table
    std::vector<const Variable*> variables;
  };

  void add(const Variable& variable) {
    if (variable.coordinate) return;
    const Kind kind = view_of_variable(variable);
    if (kind == Kind::general) {
      rest_.push_back(&variable);
      return;
    }
    const std::string dim = shared_dim(kind, variable);
    // A picture with the same dimension takes the variable as a further column.
    const auto same = std::find_if(pictures_.begin(), pictures_.end(), [&](const Picture& one) {
      return !dim.empty() && one.dim == dim && fits(one, variable, kind);
    });
    if (same == pictures_.end()) {
      pictures_.push_back({kind, dim, {&variable}});
      return;
    }
    // Texts that came before their graph name its edges.
    if (kind == Kind::graph && has_texts_alone(*same)) same->kind = kind;
    same->variables.push_back(&variable);
  }

  static bool has_texts_alone(const Picture& picture) {
    return std::all_of(picture.variables.begin(), picture.variables.end(),
                       [](const Variable* one) { return one->is_text(); });
  }

  // The list of a graph has one number of each of its variables for an edge, and texts.
  static bool fits(const Picture& picture, const Variable& variable, Kind kind) {
    const bool graph = picture.kind == Kind::graph;
    return graph == (kind == Kind::graph) || variable.is_text() || has_texts_alone(picture);
  }

  // Dimension of the table that a variable shares with others; empty for a picture of its own.
  static std::string shared_dim(Kind kind, const Variable& variable) {
    if (kind == Kind::tokens || kind == Kind::generation) return "token";
    if (kind != Kind::table && kind != Kind::statistics && kind != Kind::graph) return "";
    auto axes = axes_of(variable);
    if (axes.size() > 1) std::erase(axes, "token");
    return axes.front();
  }

  Lines draw(const Picture& picture) const {
    const Variable& first = *picture.variables.front();
    switch (picture.kind) {
      case Kind::trajectory:
        return trajectory_view(view_, first);
      case Kind::bars:
        return bars_view(view_, first);
      case Kind::tokens:
      case Kind::generation:
        return token_values_view(view_, picture.variables);
      case Kind::attention:
        return heatmap_view(view_, first, attention_axes(first), Palette::by_size);
      case Kind::patching:
        return heatmap_view(view_, first, map_axes(first), Palette::around_zero);
      case Kind::image:
        return image(first);
      case Kind::graph:
        return graph_view(view_, picture.dim, picture.variables);
      case Kind::statistics:
      case Kind::table:
        return picture.dim == "token" ? token_values_view(view_, picture.variables)
                                      : columns_view(view_, picture.dim, picture.variables);
      default:
        return heatmap_view(view_, first, map_axes(first), Palette::by_size);
    }
  }

  /// Rows and columns of tokens are known from the dataset only.
  Lines image(const Variable& variable) const {
    if (is_map_of_patches(view_.dataset, variable)) return patches_view(view_, variable);
    if (axes_of(variable).size() < 2) return columns_view(view_, "image_token", {&variable});
    return heatmap_view(view_, variable, map_axes(variable), Palette::by_size);
  }

  const View& view_;
  std::vector<Picture> pictures_;
  std::vector<const Variable*> rest_;
};

std::string shape_in_words(const View& view, const Variable& variable) {
  const auto shape = variable.shape();
  std::string text;
  for (std::size_t i = 0; i < shape.size(); ++i)
    text += cat({i == 0 ? "" : ", ", view.text(variable.dims[i]), " ", std::to_string(shape[i])});
  return text;
}

/// A single value is shown in place of a picture.
std::string line_of_rest(const View& view, const Variable& variable) {
  std::string line = "  " + name_with_unit(view, variable);
  if (!variable.is_text() && variable.tensor.numel() == 1) {
    const double value = Grid(variable.tensor).values().front();
    line += " = " +
            (variable.holds == Holds::token_ids ? view.quoted(view.token(value)) : number(value));
  } else {
    line += cat({" (", shape_in_words(view, variable), ")"});
  }
  if (!variable.long_name.empty()) line += ": " + view.text(variable.long_name);
  return shorten(line, view.style.columns, view.style.unicode);
}

/// Variables without a picture are named, so that the drawing is not taken for the whole dataset.
void list_rest(Lines& lines, const View& view, const std::vector<const Variable*>& rest) {
  constexpr std::size_t kMostNamed = 40;
  if (rest.empty()) return;
  lines.emplace_back();
  say(lines, "Not drawn (lensbench show FILE --facts has the facts of all variables):", view.style);
  for (std::size_t i = 0; i < std::min(rest.size(), kMostNamed); ++i)
    lines.push_back(line_of_rest(view, *rest[i]));
  if (rest.size() > kMostNamed)
    lines.push_back("  and " + count(std::ssize(rest) - std::ptrdiff_t{kMostNamed}, "variable") +
                    " more");
}

}  // namespace

lensbench::View view_of_variable(const Variable& variable) {
  if (variable.coordinate || is_empty(variable)) return Kind::general;
  return possible_kind(declared_kind(variable).value_or(kind_by_dims(variable)), variable);
}

/// Whether a picture for the whole dataset may use this variable: an explicit wish for another view
/// has priority.
bool allows(const Dataset& dataset, const std::string& name, lensbench::View view) {
  if (!dataset.contains(name)) return false;
  const auto declared = declared_kind(dataset[name]);
  return !declared || *declared == Kind::general || *declared == view;
}

/// Datasets without a single picture get the list and tables of the general view.
Lines views_of_variables(const View& view) {
  const Pictures pictures(view);
  if (pictures.empty()) return general_view(view);
  Lines lines = pictures.draw();
  list_rest(lines, view, pictures.rest());
  return lines;
}

/// Maps give the overview and come first; tokens are details; tables and the rest follow.
int order_of(lensbench::View view) {
  switch (view) {
    case Kind::heatmap:
    case Kind::attention:
    case Kind::patching:
    case Kind::image:
      return 0;
    case Kind::bars:
    case Kind::trajectory:
      return 1;
    case Kind::tokens:
    case Kind::generation:
      return 2;
    default:
      return 3;
  }
}

int order_of_variables(const Dataset& dataset) {
  for (const auto& variable : dataset.variables())
    if (const auto view = view_of_variable(variable); view != Kind::general) return order_of(view);
  return order_of(Kind::general);
}

}  // namespace lensbench::terminal

#include "report/views/plane.hpp"

#include <algorithm>
#include <cmath>

#include "report/terminal/paint.hpp"

namespace lensbench::terminal {
namespace {

/// Lines for a variable: about one screen, shared by its cases.
constexpr std::size_t kLinesOfVariable = 60;
constexpr int kWidestToken = 10;

bool numbers_cases(std::string_view dim) {
  return dim == "case" || dim == "case_number";
}

bool has_dim(const Variable& variable, std::string_view dim) {
  return std::find(variable.dims.begin(), variable.dims.end(), dim) != variable.dims.end();
}

// Positions of attention are labelled with tokens if the dataset has a single case of that length.
bool is_position_of_token(const View& view, std::string_view dim) {
  // Texts of one case cannot label positions that all cases share.
  if (dim != "query_position" && dim != "key_position") return false;
  for (const auto& [name, length] : view.dataset.dims())
    if (name == "token")
      return length == view.dataset.dim(std::string(dim)) && token_cases(view.dataset).size() == 1;
  return false;
}

std::vector<std::string> token_labels(const View& view, const CaseRange& range) {
  std::vector<std::string> labels;
  for (const auto& text : token_texts(view.dataset, range)) labels.push_back(view.token(text));
  return labels;
}

/// Tokens have their position in addition to their text, since texts repeat.
Axis axis_of(const View& view, const std::string& dim, const CaseRange& range) {
  Axis axis{dim, axis_labels(view, dim, range), {}};
  if (dim != "token") return axis;
  for (const auto position : token_positions(view.dataset, range))
    axis.positions.push_back(std::to_string(position));
  return axis;
}

// The index at which a further dimension is fixed: the last token, where the prediction of a causal
// model is, or the first index.
std::string in_words(const View& view, const std::string& dim, const CaseRange& range) {
  const auto labels = axis_labels(view, dim, range);
  if (dim == "token") {
    const auto positions = token_positions(view.dataset, range);
    return cat({"last token ", view.quoted(labels.back()), " (position ",
                std::to_string(positions.back()), ")"});
  }
  return cat(
      {view.text(dim), " ", labels.front(), " (first of ", std::to_string(labels.size()), ")"});
}

std::string significant(double value, int decimals, bool scientific) {
  if (value == 0) return "0";
  if (!scientific || !std::isfinite(value)) return fixed(value, decimals);
  return number(value);
}

// Numbers with one count of decimals, so that the largest has three digits (two below 1). An exact
// zero is `0`.
std::vector<std::string> three_digits(const std::vector<double>& values) {
  double largest = 0;
  bool whole_numbers = true;
  for (const double value : values) {
    if (!std::isfinite(value)) continue;
    largest = std::max(largest, std::abs(value));
    whole_numbers = whole_numbers && value == std::floor(value);
  }
  // Outside of this range, fixed notation would need too many cells or show small values as zero.
  const bool scientific = largest >= 1e6 || (largest > 0 && largest < 5e-3);
  const int digits = largest > 0 ? static_cast<int>(std::floor(std::log10(largest))) : 0;
  const int decimals = whole_numbers ? 0 : std::clamp(digits < 0 ? 1 - digits : 2 - digits, 0, 4);
  std::vector<std::string> cells;
  cells.reserve(values.size());
  for (const double value : values)
    cells.push_back(std::isnan(value) ? "" : significant(value, decimals, scientific));
  return cells;
}

}  // namespace

std::vector<double> Plane::row(std::size_t row) const {
  const auto width = static_cast<std::ptrdiff_t>(columns.labels.size());
  const auto begin = values.begin() + static_cast<std::ptrdiff_t>(row) * width;
  return {begin, begin + width};
}

std::vector<std::string> axes_of(const Variable& variable) {
  std::vector<std::string> axes;
  for (const auto& dim : variable.dims)
    if (!numbers_cases(dim)) axes.push_back(dim);
  return axes;
}

std::vector<std::string> axis_labels(const View& view, const std::string& dim,
                                     const CaseRange& range) {
  if (dim == "token") return token_labels(view, range);
  if (is_position_of_token(view, dim)) return token_labels(view, token_cases(view.dataset).front());
  return labels_of(view, dim);
}

Plane plane_of(const View& view, const Variable& variable, const std::string& rows,
               const std::string& columns, const CaseRange& range) {
  Plane plane{axis_of(view, rows, range), {columns, {""}, {}}, {}, ""};
  if (!columns.empty()) plane.columns = axis_of(view, columns, range);
  at::Tensor tensor = variable.tensor;
  // From the last axis to the first: removing an axis leaves the numbers of those before it.
  for (std::int64_t axis = std::ssize(variable.dims) - 1; axis >= 0; --axis) {
    const auto& dim = variable.dims[static_cast<std::size_t>(axis)];
    if (dim == "token") tensor = tensor.narrow(axis, range.begin, range.size());
    if (dim == rows || dim == columns) continue;
    // Words go before those of later axes, so that they follow the order of the dimensions.
    if (dim == "token" || tensor.size(axis) > 1) {
      const std::string words = in_words(view, dim, range);
      plane.fixed = plane.fixed.empty() ? words : words + ", " + plane.fixed;
    }
    tensor = tensor.select(axis, dim == "token" ? range.size() - 1 : 0);
  }
  const auto at = [&](const std::string& dim) {
    return std::find(variable.dims.begin(), variable.dims.end(), dim);
  };
  // Two axes remain in the order of the variable, which may be that of columns and rows.
  if (!columns.empty() && at(columns) < at(rows)) tensor = tensor.transpose(0, 1);
  plane.values = Grid(tensor).values();
  return plane;
}

std::vector<std::size_t> rows_to_draw(std::size_t n, std::size_t most) {
  std::vector<std::size_t> rows;
  if (n <= most || most < 2) {
    for (std::size_t i = 0; i < n; ++i) rows.push_back(i);
    return rows;
  }
  // Integer interpolation reaches both ends exactly.
  for (std::size_t i = 0; i < most; ++i) rows.push_back(i * (n - 1) / (most - 1));
  return rows;
}

std::vector<CaseRange> cases_of(const View& view, const Variable& variable) {
  if (has_dim(variable, "token")) return token_cases(view.dataset);
  // An empty range represents a variable without tokens.
  return {{0, "", 0, 0}};
}

std::size_t lines_for_each(const std::vector<CaseRange>& cases) {
  return kLinesOfVariable / std::max<std::size_t>(1, cases_to_draw(cases.size()));
}

std::string name_with_unit(const View& view, const Variable& variable) {
  const std::string name = view.text(variable.name);
  if (variable.units == "1" || variable.units.empty()) return name;
  return cat({name, " [", view.text(variable.units), "]"});
}

void head(Lines& lines, const View& view, const Variable& variable, const std::string& note) {
  std::string text = name_with_unit(view, variable);
  if (!variable.long_name.empty()) text += ": " + view.text(variable.long_name);
  if (!note.empty()) text += cat({variable.long_name.empty() ? ": " : "; ", note});
  say(lines, text, view.style);
}

std::vector<std::string> cells_of(const View& view, const Variable& variable,
                                  const std::vector<double>& values) {
  if (variable.holds != Holds::token_ids) return three_digits(values);
  std::vector<std::string> cells;
  cells.reserve(values.size());
  for (const double id : values)
    cells.push_back(shorten(view.token(id), kWidestToken, view.style.unicode));
  return cells;
}

std::vector<std::string> text_cells(const View& view, const Variable& texts, std::int64_t first,
                                    std::int64_t n) {
  std::vector<std::string> cells;
  cells.reserve(static_cast<std::size_t>(n));
  for (std::int64_t i = first; i < first + n; ++i)
    cells.push_back(view.text(texts.strings.at(static_cast<std::size_t>(i))));
  return cells;
}

}  // namespace lensbench::terminal

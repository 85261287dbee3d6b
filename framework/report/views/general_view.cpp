#include <algorithm>
#include <cmath>

#include "report/terminal/paint.hpp"
#include "report/terminal/table.hpp"
#include "report/views/view.hpp"

namespace lensbench::terminal {
namespace {

constexpr std::int64_t kMostRows = 60;

/// View of any dataset: a list of scalars, one table per dimension of the variables that have only
/// this dimension, and shape and range of all other variables.
class GeneralView {
 public:
  explicit GeneralView(const View& view) : view_(view) {}

  Lines write() const {
    Lines lines;
    scalars(lines);
    for (const auto& [dim, length] : view_.dataset.dims()) dimension(lines, dim, length);
    arrays(lines);
    quantiles(lines);
    return lines;
  }

 private:
  // One line for each value without an axis, such as a perplexity.
  void scalars(Lines& lines) const {
    for (const auto& variable : view_.dataset.variables()) {
      if (!variable.dims.empty() || variable.is_text()) continue;
      const double value = Grid(variable.tensor)(/*no index*/);
      const std::string shown =
          variable.holds == Holds::token_ids ? view_.quoted(view_.token(value)) : number(value);
      say(lines, view_.text(variable.name) + " = " + shown + described(variable), view_.style, 2);
    }
  }

  std::string described(const Variable& variable) const {
    std::string note;
    if (variable.units != "1" && !variable.units.empty())
      note += cat({" ", view_.text(variable.units)});
    if (!variable.long_name.empty()) note += cat({"  (", view_.text(variable.long_name), ")"});
    return note;
  }

  // Table of all variables over exactly this dimension; coordinates are its key columns, which are
  // repeated if the table is split.
  void dimension(Lines& lines, const std::string& dim, std::int64_t length) const {
    std::vector<Column> keys, values;
    for (const auto& variable : view_.dataset.variables()) {
      if (variable.dims != std::vector<std::string>{dim}) continue;
      if (hides(variable)) continue;
      (variable.coordinate || variable.name == dim ? keys : values)
          .push_back(column(variable, length));
    }
    // Coordinates alone would be a table of labels.
    if (values.empty()) return;
    const std::size_t n_keys = keys.size();
    keys.insert(keys.end(), values.begin(), values.end());
    if (!lines.empty()) lines.emplace_back();
    append(lines, table(std::move(keys), n_keys, view_.style));
    if (length > kMostRows)
      say(lines,
          "Only the first " + std::to_string(kMostRows) + " of " + std::to_string(length) +
              " rows are shown; the archive has all.",
          view_.style);
  }

  // `entropy` for `entropy_mean` if the dataset has its standard error, `entropy_se`; else empty.
  std::string stem_of_mean(const Variable& variable) const {
    constexpr std::string_view kMean = "_mean";
    if (!variable.name.ends_with(kMean) || variable.is_text()) return "";
    const std::string stem = variable.name.substr(0, variable.name.size() - kMean.size());
    return has(view_.dataset, stem + "_se", variable.dims) ? stem : "";
  }

  // Variables that are redundant: running numbers of tokens, and errors shown with their mean.
  bool hides(const Variable& variable) const {
    const auto& name = variable.name;
    if (name == "token" || name == "input_id") return view_.dataset.contains("input_token");
    if (name.ends_with("_se") && view_.dataset.contains(name.substr(0, name.size() - 3) + "_mean"))
      return true;  // the column of the mean shows it
    if (name == "case" && variable.dims == std::vector<std::string>{"token"})
      return token_cases(view_.dataset).size() < 2;
    return false;
  }

  Column column(const Variable& variable, std::int64_t length) const {
    const auto rows = static_cast<std::size_t>(std::min(length, kMostRows));
    Column out{heading(variable), Align::right, {}};
    if (variable.is_text()) {
      const bool token = variable.name == "input_token";
      out.align = Align::left;
      // Texts may be narrowed down to this width; numbers are never cut.
      out.least = 12;
      for (std::size_t i = 0; i < rows; ++i)
        out.cells.push_back(token ? view_.token(variable.strings[i])
                                  : view_.text(variable.strings[i]));
      return out;
    }
    // Only the rows that are shown are converted.
    const Grid grid(variable.tensor.narrow(0, 0, static_cast<std::int64_t>(rows)));
    if (variable.holds != Holds::token_ids) {
      out.cells = column_of(grid.values());
      add_errors(out, variable, static_cast<std::int64_t>(rows));
      return out;
    }
    out.align = Align::left;
    out.least = 8;
    for (const double id : grid.values()) out.cells.push_back(view_.token(id));
    return out;
  }

  // Appends the standard error to each mean, so that a mean is not read without it.
  void add_errors(Column& column, const Variable& variable, std::int64_t rows) const {
    const std::string stem = stem_of_mean(variable);
    if (stem.empty()) return;
    const Grid errors(view_.dataset[stem + "_se"].tensor.narrow(0, 0, rows));
    const auto cells = column_of(errors.values());
    int width = 0;
    for (const auto& cell : cells) width = std::max(width, display_width(cell));
    for (std::size_t i = 0; i < cells.size(); ++i)
      if (width > 0)
        column.cells[i] +=
            (view_.style.unicode ? " ± " : " +- ") + fit(cells[i], width, Align::left);
  }

  // A mean with its error has the name of the quantity.
  std::string heading(const Variable& variable) const {
    const std::string stem = stem_of_mean(variable);
    const std::string name = view_.text(stem.empty() ? variable.name : stem);
    return variable.units == "1" || variable.units.empty() || variable.coordinate
               ? name
               : name + " [" + view_.text(variable.units) + "]";
  }

  // Arrays with several dimensions: their range says whether a look at the archive is worthwhile.
  void arrays(Lines& lines) const {
    std::vector<Column> columns{{"variable", Align::left, {}, 16},
                                {"dimensions", Align::left, {}, 16},
                                {"min", Align::right, {}},
                                {"mean", Align::right, {}},
                                {"max", Align::right, {}}};
    for (const auto& variable : view_.dataset.variables())
      if (variable.dims.size() > 1 && !variable.is_text() && !stays_in_archive(variable))
        add_array(columns, variable);
    if (columns.front().cells.empty()) return;
    if (!lines.empty()) lines.emplace_back();
    append(lines, table(std::move(columns), 1, view_.style));
  }

  // Variables with too many numbers for a terminal, whose mean is shown.
  static bool stays_in_archive(const Variable& variable) {
    return variable.name.ends_with("_quantile") || variable.name.ends_with("_interval");
  }

  void quantiles(Lines& lines) const {
    std::string names;
    for (const auto& variable : view_.dataset.variables())
      if (variable.dims.size() > 1 && stays_in_archive(variable))
        names += cat({names.empty() ? "" : ", ", view_.text(variable.name)});
    if (names.empty()) return;
    lines.emplace_back();
    say(lines, "Quantiles and intervals in the archive: " + names + ".", view_.style);
  }

  void add_array(std::vector<Column>& columns, const Variable& variable) const {
    std::string shape;
    for (std::size_t i = 0; i < variable.dims.size(); ++i)
      shape += cat({i == 0 ? "" : ", ", view_.text(variable.dims[i]), " ",
                    std::to_string(variable.tensor.size(static_cast<std::int64_t>(i)))});
    columns[0].cells.push_back(heading(variable));
    columns[1].cells.push_back(shape);
    double least = INFINITY, most = -INFINITY, sum = 0, n = 0;
    const Grid grid(variable.tensor);
    for (const double value : grid.values()) {
      if (std::isnan(value)) continue;
      least = std::min(least, value), most = std::max(most, value), sum += value, n += 1;
    }
    // An average of token ids would be a number without meaning.
    const bool ids = variable.holds == Holds::token_ids || n == 0;
    columns[2].cells.push_back(ids ? "" : number(least));
    columns[3].cells.push_back(ids ? "" : number(sum / n));
    columns[4].cells.push_back(ids ? "" : number(most));
  }

  const View& view_;
};

}  // namespace

Lines general_view(const View& view) {
  return GeneralView(view).write();
}

}  // namespace lensbench::terminal

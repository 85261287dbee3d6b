#include <algorithm>
#include <cmath>
#include <optional>

#include "report/terminal/paint.hpp"
#include "report/terminal/table.hpp"
#include "report/views/generic_views.hpp"
#include "report/views/lens_grid.hpp"

namespace lensbench::terminal {
namespace {

constexpr const char* kOrdinals[] = {"1st", "2nd", "3rd"};

/// Logit lens at one position, layer by layer.
class Detail {
 public:
  Detail(const View& view, const LensPoint& point, const CaseRange& range)
      : view_(view),
        point_(point),
        range_(range),
        numbers_(layer_numbers(view.dataset, point.axis)),
        masked_(last_masked(view.dataset, range)) {
    range_.begin = masked_.value_or(range.end - 1);
    range_.end = range_.begin + 1;
  }

  Lines write() const {
    Lines lines;
    const std::string token = view_.quoted(view_.token(token_texts(view_.dataset, range_).front()));
    const auto position = token_positions(view_.dataset, range_).front();
    const bool masked = has(view_.dataset, "masked", {"token"});
    say(lines,
        std::string(masked ? "Prediction at " : "Prediction after ") + token + " (position " +
            std::to_string(position) + "), layer by layer" + target_note(),
        view_.style);
    append(lines, rows());
    trajectory(lines);
    settling(lines);
    return lines;
  }

 private:
  /// Last masked position of a masked-language model, where it predicts; nullopt for causal models.
  static std::optional<std::int64_t> last_masked(const Dataset& dataset, const CaseRange& range) {
    if (!has(dataset, "masked", {"token"})) return std::nullopt;
    const Grid masked = grid(dataset, "masked", range);
    for (std::int64_t i = range.end - range.begin - 1; i >= 0; --i)
      if (masked(i) > 0) return range.begin + i;
    return std::nullopt;
  }

  std::string target_note() const {
    const std::string shown = target();
    return shown.empty() ? ":" : "; the target is " + view_.quoted(shown) + ":";
  }

  // Token whose probability and rank were followed; empty if the run had none.
  std::string target() const {
    const Grid id = grid(view_.dataset, "target_id", range_);
    return id.empty() ? "" : view_.token(id(0));
  }

  // Values of a variable [layer, token] at this position, for the layers shown.
  std::vector<double> over_layers(const std::string& name) const {
    const std::string full = point_.prefix + name;
    if (!has(view_.dataset, full, {point_.axis, "token"})) return {};
    const Grid values = grid(view_.dataset, full, range_);
    std::vector<double> out;
    for (const auto layer : layers_to_draw(values.length(0))) out.push_back(values(layer, 0));
    return out;
  }

  // Candidates of each layer, three only where the terminal is wide enough to keep the metrics in
  // the same table.
  void add_candidates(std::vector<Column>& columns) const {
    const Grid ids = grid(view_.dataset, point_.prefix + "top_id", range_);
    const Grid shares = grid(view_.dataset, point_.prefix + "top_probability", range_);
    const std::int64_t most = view_.style.columns >= 72 ? 3 : view_.style.columns >= 56 ? 2 : 1;
    for (std::int64_t k = 0; k < std::min(most, ids.length(2)); ++k) {
      Column tokens{kOrdinals[k], Align::left, {}, 4};
      Column probabilities{"p", Align::right, {}};
      for (const auto layer : layers_to_draw(ids.length(0))) {
        tokens.cells.push_back(shorten(view_.token(ids(layer, 0, k)), 14, view_.style.unicode));
        probabilities.cells.push_back(short_probability(shares(layer, 0, k)));
      }
      columns.push_back(std::move(tokens));
      columns.push_back(std::move(probabilities));
    }
  }

  // Column of a metric that the dataset has; others are left out without a gap.
  void add_metric(std::vector<Column>& columns, const std::string& header, const std::string& name,
                  std::string (*format)(double)) const {
    const auto values = over_layers(name);
    if (values.empty()) return;
    Column column{header, Align::right, {}};
    for (const double value : values) column.cells.push_back(format(value));
    columns.push_back(std::move(column));
  }

  Lines rows() const {
    Column layers{"layer", Align::right, {}};
    for (const auto layer : layers_to_draw(std::ssize(numbers_)))
      layers.cells.push_back(std::to_string(numbers_[static_cast<std::size_t>(layer)]));
    std::vector<Column> columns{std::move(layers)};
    add_candidates(columns);
    const auto two = [](double value) { return fixed(value, 2); };
    add_metric(columns, "entropy", "entropy", two);
    add_metric(columns, "KL", "kl_final_to_layer", two);
    // The trajectory below shows the probability of the target too, so that its column may be left
    // out.
    if (view_.style.columns >= 100)
      add_metric(columns, "target", "target_probability", short_probability);
    add_metric(columns, "rank", "target_rank", whole);
    return table(std::move(columns), 1, view_.style);
  }

  // The rise of the target through the layers, on a scale up to 1, so that sparklines of different
  // prompts can be compared.
  void trajectory(Lines& lines) const {
    const auto shares = over_layers("target_probability");
    const auto ranks = over_layers("target_rank");
    if (shares.empty() || ranks.empty()) return;
    const std::string arrow = view_.style.unicode ? " → " : " -> ";
    say(lines,
        "Target " + view_.quoted(target()) + ": probability " +
            sparkline(shares, 1.0, view_.style) + "  " + probability(shares.front()) + arrow +
            probability(shares.back()) + ", rank " + whole(ranks.front()) + arrow +
            whole(ranks.back()),
        view_.style, 2);
  }

  // `settled_layer` is about the residual stream only.
  void settling(Lines& lines) const {
    if (!point_.prefix.empty() || !has(view_.dataset, "settled_layer", {"token"})) return;
    const double settled = grid(view_.dataset, "settled_layer", range_)(0);
    const Grid ids = grid(view_.dataset, "top_id", range_);
    std::string line = "The final answer " +
                       view_.quoted(view_.token(ids(ids.length(0) - 1, 0, 0))) +
                       " is the first choice from layer " + whole(settled) + " on";
    const auto left = layers_left();
    line += left.empty() ? "." : "; the prediction moves away from it at " + left + ".";
    say(lines, line, view_.style, 2);
  }

  // Layers at which the final answer was first before and is no longer.
  std::string layers_left() const {
    if (!has(view_.dataset, "leaves_top", {point_.axis, "token"})) return "";
    const Grid leaves = grid(view_.dataset, "leaves_top", range_);
    std::string names;
    int n = 0;
    for (std::int64_t layer = 0; layer < leaves.length(0); ++layer)
      if (leaves(layer, 0) > 0) {
        names +=
            cat({n++ == 0 ? "" : ", ", std::to_string(numbers_[static_cast<std::size_t>(layer)])});
      }
    return n == 0 ? "" : (n == 1 ? "layer " : "layers ") + names;
  }

  const View& view_;
  const LensPoint& point_;
  CaseRange range_;
  std::vector<std::int64_t> numbers_;
  std::optional<std::int64_t> masked_;
};

void explain_lens(Lines& lines, const View& view) {
  say(lines,
      "Layers down (0: embedding, l: after l blocks), positions across. Each cell: the token "
      "the model would predict " +
          std::string(has(view.dataset, "masked", {"token"}) ? "at this position" : "next") +
          " if it stopped there" +
          std::string(view.style.colour ? "." : ", and its probability in per cent.") +
          (has(view.dataset, "settled_layer", {"token"})
               ? std::string(" Last row: first layer from which on the final answer is first.")
               : ""),
      view.style);
  if (view.style.colour && view.style.columns >= 56)
    lines.push_back(probability_legend(view.style));
}

/// A grid for each hook point; details only for the residual stream, whose last layer is the output
/// of the model.
void one_case(Lines& lines, const View& view, const CaseRange& range, std::size_t n_cases) {
  const std::string heading = case_heading(view, range, n_cases);
  for (const auto& point : lens_points(view.dataset)) {
    lines.emplace_back();
    if (!heading.empty()) say(lines, heading, view.style);
    if (!point.prefix.empty())
      say(lines, "At " + point.name() + " of each " + point.axis + ":", view.style);
    append(lines, lens_grid(view, point, range));
    if (!point.prefix.empty()) continue;
    lines.emplace_back();
    append(lines, Detail(view, point, range).write());
  }
}

/// Columns that a tool asks to show in a table, one row for each layer: what a training of the lens
/// measured.
Lines table_of_layers(const View& view) {
  std::vector<const Variable*> columns;
  for (const Variable& variable : view.dataset.variables())
    if (!variable.dims.empty() && variable.dims.back() == "layer" &&
        view_of_variable(variable) == lensbench::View::table)
      columns.push_back(&variable);
  if (columns.empty()) return {};
  Lines lines = {""};
  append(lines, columns_view(view, "layer", columns));
  return lines;
}

}  // namespace

bool is_lens(const Dataset& dataset) {
  const auto points = lens_points(dataset);
  return !points.empty() &&
         allows(dataset, points.front().prefix + "top_id", lensbench::View::heatmap);
}

Lines lens_view(const View& view) {
  Lines lines;
  explain_lens(lines, view);
  const auto cases = token_cases(view.dataset);
  for (std::size_t i = 0; i < cases_to_draw(cases.size()); ++i)
    one_case(lines, view, cases[i], cases.size());
  say_more_cases(lines, cases.size(), view.style);
  append(lines, table_of_layers(view));
  return lines;
}

}  // namespace lensbench::terminal

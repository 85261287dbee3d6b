#include <algorithm>

#include "report/terminal/paint.hpp"
#include "report/terminal/table.hpp"
#include "report/views/generic_views.hpp"
#include "report/views/view.hpp"

namespace lensbench::terminal {
namespace {

/// Table with one row per token: the prediction of each model and the distance of their
/// distributions.
class ComparisonTable {
 public:
  ComparisonTable(const View& view, CaseRange range) : view_(view), range_(std::move(range)) {}

  Lines write() {
    Lines lines = keep_last_rows(range_, view_.style);
    std::vector<Column> columns{positions(), tokens()};
    add(columns, "rank", "chosen_rank", rank);
    add(columns, "other", "rank_in_other", rank);
    add(columns, "KL", "kl", three);
    add(columns, "JS", "js_divergence", three);
    columns.push_back(marks());
    first_choice(columns, "first choice", "top");
    first_choice(columns, "the other's", "other_top");
    append(lines, table(std::move(columns), 2, view_.style));
    return lines;
  }

 private:
  // The first token of a text was not predicted; its rank is below 1.
  static std::string rank(double value) { return value < 1 ? std::string() : whole(value); }
  static std::string three(double value) { return fixed(value, 3); }

  Column positions() const {
    Column column{"at", Align::right, {}};
    for (const auto position : token_positions(view_.dataset, range_))
      column.cells.push_back(std::to_string(position));
    return column;
  }

  Column tokens() const {
    Column column{"token", Align::left, {}, 8};
    for (const auto& token : token_texts(view_.dataset, range_))
      column.cells.push_back(shorten(view_.token(token), 16, view_.style.unicode));
    return column;
  }

  // A metric that the tool did not compute has no column.
  void add(std::vector<Column>& columns, const std::string& header, const std::string& name,
           std::string (*format)(double)) const {
    if (!has(view_.dataset, name, {"token"})) return;
    Column column{header, Align::right, {}};
    const Grid values = grid(view_.dataset, name, range_);
    for (const double value : values.values()) column.cells.push_back(format(value));
    columns.push_back(std::move(column));
  }

  // Positions at which greedy decoding would choose different tokens.
  Column marks() const {
    Column column{"", Align::left, {}};
    const bool there = has(view_.dataset, "top_differs", {"token"});
    const Grid differs = there ? grid(view_.dataset, "top_differs", range_) : Grid();
    for (std::int64_t i = 0; i < range_.size(); ++i)
      column.cells.push_back(there && differs(i) > 0 ? (view_.style.unicode ? "≠" : "!=") : "");
    return column;
  }

  // First choice of one model with its probability. The id -1 means that the position has no
  // prediction.
  void first_choice(std::vector<Column>& columns, const std::string& header,
                    const std::string& stem) const {
    const std::vector<std::string> dims{"token", "rank"};
    if (!has(view_.dataset, stem + "_id", dims) || !has(view_.dataset, stem + "_probability", dims))
      return;
    Column column{header, Align::left, {}, 10};
    const Grid ids = grid(view_.dataset, stem + "_id", range_);
    const Grid shares = grid(view_.dataset, stem + "_probability", range_);
    for (std::int64_t i = 0; i < range_.size(); ++i) {
      const bool none = ids.length(1) == 0 || ids(i, 0) < 0;
      column.cells.push_back(none ? ""
                                  : cat({shorten(view_.token(ids(i, 0)), 12, view_.style.unicode),
                                         " ", percent(shares(i, 0))}));
    }
    columns.push_back(std::move(column));
  }

  const View& view_;
  CaseRange range_;
};

}  // namespace

/// The divergences tell a comparison from the analysis of one model, which has the other variables
/// too.
bool is_comparison(const Dataset& dataset) {
  return has(dataset, "js_divergence", {"token"}) && has(dataset, "kl", {"token"}) &&
         dataset.dim("token") > 0 && allows(dataset, "kl", lensbench::View::tokens) &&
         allows(dataset, "js_divergence", lensbench::View::tokens);
}

Lines comparison_view(const View& view) {
  const auto cases = token_cases(view.dataset);
  Lines lines = draw_cases(view, cases, [&](const CaseRange& range, std::size_t) {
    return ComparisonTable(view, range).write();
  });
  lines.emplace_back();
  say(lines,
      cat({"rank: of the token; other: under the other model. KL and Jensen-Shannon divergence in "
           "nats. ",
           view.style.unicode ? "≠" : "!=",
           " marks different first choices, followed by per cent."}),
      view.style);
  say_more_cases(lines, cases.size(), view.style);
  return lines;
}

}  // namespace lensbench::terminal

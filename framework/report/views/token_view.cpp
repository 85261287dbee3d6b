#include <algorithm>
#include <cmath>

#include "report/terminal/paint.hpp"
#include "report/terminal/table.hpp"
#include "report/views/generic_views.hpp"
#include "report/views/view.hpp"

namespace lensbench::terminal {
namespace {

/// Table with one row per token: the chosen token, its probability and the alternatives.
class TokenTable {
 public:
  TokenTable(const View& view, CaseRange range) : view_(view), range_(std::move(range)) {}

  Lines write() {
    Lines lines = keep_last_rows(range_, view_.style);
    std::vector<Column> columns{positions(), marks(), tokens()};
    add(columns, "p", "chosen_probability", short_probability);
    add(columns, "rank", "chosen_rank", [](double v) { return v < 1 ? std::string() : whole(v); });
    add(columns, "-ln p", "surprisal", two);
    add(columns, "entropy", "entropy", two);
    add(columns, "margin", "margin", two);
    columns.push_back(alternatives());
    append(lines, table(std::move(columns), 3, view_.style));
    return lines;
  }

 private:
  static std::string two(double value) { return fixed(value, 2); }

  // Variable [token] of this case; empty if the tool did not write it.
  Grid of(const std::string& name) const {
    return has(view_.dataset, name, {"token"}) ? grid(view_.dataset, name, range_) : Grid();
  }

  Column positions() const {
    Column column{"at", Align::right, {}};
    for (const auto position : token_positions(view_.dataset, range_))
      column.cells.push_back(std::to_string(position));
    return column;
  }

  // Marks of a token: `+` generated, `!` not the first choice, `^` entropy jump.
  Column marks() const {
    Column column{"", Align::left, {}};
    const Grid generated = of("generated"), rank = of("chosen_rank"), jump = of("entropy_jump");
    for (std::int64_t i = 0; i < range_.size(); ++i) {
      const bool made = !generated.empty() && generated(i) > 0;
      // Only a generated token was chosen by the model; the mark `!` does not apply to the prompt.
      std::string mark = made ? "+" : " ";
      mark += made && !rank.empty() && rank(i) > 1 ? "!" : " ";
      mark += !jump.empty() && jump(i) > 0 ? "^" : " ";
      column.cells.push_back(mark);
    }
    return column;
  }

  Column tokens() const {
    Column column{"token", Align::left, {}, 8};
    for (const auto& token : token_texts(view_.dataset, range_))
      column.cells.push_back(shorten(view_.token(token), 16, view_.style.unicode));
    return column;
  }

  // A column for each metric that the tool wrote; the parameters of a run decide which exist.
  void add(std::vector<Column>& columns, const std::string& header, const std::string& name,
           std::string (*format)(double)) const {
    const Grid values = of(name);
    if (values.empty()) return;
    Column column{header, Align::right, {}};
    for (const double value : values.values()) column.cells.push_back(format(value));
    columns.push_back(std::move(column));
  }

  // Candidates of each position with their probability in per cent; empty cells without candidates.
  Column alternatives() const {
    Column column{"most probable", Align::left, {}, 18};
    const bool there = has(view_.dataset, "top_id", {"token", "rank"}) &&
                       has(view_.dataset, "top_probability", {"token", "rank"});
    column.cells.resize(static_cast<std::size_t>(range_.size()));
    if (!there) return column;
    const Grid ids = grid(view_.dataset, "top_id", range_);
    const Grid shares = grid(view_.dataset, "top_probability", range_);
    for (std::int64_t i = 0; i < range_.size(); ++i)
      column.cells[static_cast<std::size_t>(i)] = candidates(ids, shares, i);
    return column;
  }

  // Alternatives of one token, as many as fit in a line; the table shortens this column first.
  std::string candidates(const Grid& ids, const Grid& shares, std::int64_t i) const {
    const std::int64_t most = view_.style.columns > 100 ? 5 : 3;
    std::string cell;
    for (std::int64_t k = 0; k < std::min(most, ids.length(1)) && ids(i, k) >= 0; ++k)
      cell += cat({k == 0 ? "" : " ", shorten(view_.token(ids(i, k)), 12, view_.style.unicode), " ",
                   percent(shares(i, k))});
    return cell;
  }

  const View& view_;
  CaseRange range_;
};

/// Marks are explained only if one of them occurs.
bool any_set(const Dataset& dataset, const std::string& name) {
  if (!has(dataset, name, {"token"})) return false;
  const Grid flags(dataset[name].tensor);
  return std::any_of(flags.values().begin(), flags.values().end(), [](double v) { return v > 0; });
}

/// Legend of the columns, once for all cases.
void explain_tokens(Lines& lines, const View& view) {
  std::string line =
      "p, rank, -ln p (surprisal, nats): of the token. entropy, margin: of the choice it came "
      "from. most probable: followed by per cent.";
  if (any_set(view.dataset, "generated")) line += " + generated, ! not the first choice.";
  if (any_set(view.dataset, "entropy_jump")) line += " ^ entropy jumps.";
  lines.emplace_back();
  say(lines, line, view.style);
}

/// Mean over the scored tokens; the first token of a text has NaN, since nothing predicts it.
double mean_of(const Grid& grid) {
  double sum = 0;
  int n = 0;
  for (const double value : grid.values())
    if (!std::isnan(value)) sum += value, ++n;
  return n == 0 ? NAN : sum / n;
}

/// Perplexity is the exponential of the mean surprisal in nats.
void totals(Lines& lines, const View& view, const CaseRange& range) {
  if (!has(view.dataset, "surprisal", {"token"})) return;
  const double mean = mean_of(grid(view.dataset, "surprisal", range));
  if (std::isnan(mean)) return;
  say(lines,
      "Mean surprisal " + fixed(mean, 3) + " nats, perplexity " + number(std::exp(mean)) +
          " over the scored tokens.",
      view.style);
}

}  // namespace

bool is_token_analysis(const Dataset& dataset) {
  return has(dataset, "chosen_probability", {"token"}) && dataset.dim("token") > 0 &&
         allows(dataset, "chosen_probability", lensbench::View::generation);
}

Lines token_view(const View& view) {
  const auto cases = token_cases(view.dataset);
  Lines lines = draw_cases(view, cases, [&](const CaseRange& range, std::size_t) {
    Lines one = TokenTable(view, range).write();
    totals(one, view, range);
    return one;
  });
  explain_tokens(lines, view);
  say_more_cases(lines, cases.size(), view.style);
  return lines;
}

}  // namespace lensbench::terminal

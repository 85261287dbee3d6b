#include "report/views/view.hpp"

namespace lensbench::terminal {

/// Ids are stored as numbers of a variable, hence double.
std::string View::token(double id) const {
  // Also false for NaN, which a variable of ids has where there is no prediction.
  if (!(id >= 0)) return "";
  return token(token_text(static_cast<std::int64_t>(id)));
}

/// Texts reach the terminal only through `visible`: they come from a vocabulary or an archive of
/// others.
std::string View::token(std::string_view raw) const {
  return visible(raw, Blanks::marked, style.unicode);
}

std::string View::text(std::string_view raw) const {
  return visible(raw, Blanks::kept, style.unicode);
}

std::string View::quoted(std::string_view shown) const {
  return style.unicode ? cat({"“", shown, "”"}) : cat({"\"", shown, "\""});
}

std::string View::attribute(const std::string& name) const {
  const auto found = dataset.attributes.find(name);
  if (found == dataset.attributes.end()) return "";
  if (const auto* as_text = std::get_if<std::string>(&found->second)) return text(*as_text);
  if (const auto* as_integer = std::get_if<std::int64_t>(&found->second))
    return std::to_string(*as_integer);
  if (const auto* as_number = std::get_if<double>(&found->second)) return number(*as_number);
  std::string joined;
  for (const auto& item : std::get<std::vector<std::string>>(found->second))
    joined += cat({joined.empty() ? "" : ", ", text(item)});
  return joined;
}

std::string View::separator() const {
  return style.unicode ? " · " : " | ";
}

std::vector<std::string> labels_of(const View& view, const std::string& dim) {
  std::vector<std::string> labels;
  const bool known = has(view.dataset, dim, {dim});
  const bool texts = known && view.dataset[dim].is_text();
  const Grid numbers = known && !texts ? Grid(view.dataset[dim].tensor) : Grid();
  for (std::int64_t i = 0; i < view.dataset.dim(dim); ++i)
    labels.push_back(texts   ? view.text(view.dataset[dim].strings[static_cast<std::size_t>(i)])
                     : known ? number(numbers(i))
                             : std::to_string(i));
  return labels;
}

void say(Lines& lines, std::string_view text, const TerminalStyle& style, int indent) {
  append(lines, wrap(text, style.columns, indent, style.unicode));
}

void append(Lines& lines, const Lines& more) {
  lines.insert(lines.end(), more.begin(), more.end());
}

std::string case_heading(const View& view, const CaseRange& range, std::size_t n_cases) {
  if (n_cases < 2) return "";
  std::string heading = "case " + std::to_string(range.number);
  if (!range.id.empty()) heading += cat({" (", view.text(range.id), ")"});
  return heading;
}

/// Cases one after the other, separated by an empty line.
Lines draw_cases(const View& view, const std::vector<CaseRange>& cases, const DrawCase& draw) {
  Lines lines;
  for (std::size_t i = 0; i < cases_to_draw(cases.size()); ++i) {
    if (i > 0) lines.emplace_back();
    const std::string heading = case_heading(view, cases[i], cases.size());
    if (!heading.empty()) say(lines, heading, view.style);
    append(lines, draw(cases[i], cases.size()));
  }
  return lines;
}

/// The end of a text is kept: generated tokens are there, and the prediction after the text.
Lines keep_last_rows(CaseRange& range, const TerminalStyle& style, std::int64_t most) {
  Lines lines;
  const std::int64_t left_out = range.size() - most;
  if (left_out <= 0) return lines;
  range.begin += left_out;
  say(lines, "The first " + count(left_out, "token") + " are not shown; the archive has them.",
      style);
  return lines;
}

/// Up to three cases share the lines of a variable; of more, one represents all.
std::size_t cases_to_draw(std::size_t n_cases) {
  return n_cases <= 3 ? n_cases : 1;
}

void say_more_cases(Lines& lines, std::size_t n_cases, const TerminalStyle& style) {
  const std::size_t left_out = n_cases - cases_to_draw(n_cases);
  if (left_out == 0) return;
  lines.emplace_back();
  say(lines, count(static_cast<std::int64_t>(left_out), "more case") + " in the archive.", style);
}

}  // namespace lensbench::terminal

#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "report/terminal/numbers.hpp"
#include "report/terminal/text.hpp"
#include "report/views/render.hpp"

namespace lensbench::terminal {

using Lines = std::vector<std::string>;

/// A dataset being drawn, with what every view needs of it.
struct View {
  const Dataset& dataset;
  const TokenText& token_text;
  const TerminalStyle& style;

  /// A token by id, marked blanks; empty for a negative id (no token).
  std::string token(double id) const;
  /// A token text that the dataset itself holds.
  std::string token(std::string_view text) const;
  /// Running text from the dataset.
  std::string text(std::string_view text) const;
  /// `“…”` around a token or a text, for running text.
  std::string quoted(std::string_view shown) const;
  /// An attribute as text, or empty.
  std::string attribute(const std::string& name) const;
  /// ` · ` or ` | `.
  std::string separator() const;
};

/// Names along a dimension: its coordinate's texts or numbers, else indices.
std::vector<std::string> labels_of(const View& view, const std::string& dim);

/// Adds text wrapped at the terminal's width.
void say(Lines& lines, std::string_view text, const TerminalStyle& style, int indent = 0);
void append(Lines& lines, const Lines& more);

/// `case 3 (france)`: what heads one case of several; empty for the only one.
std::string case_heading(const View& view, const CaseRange& range, std::size_t n_cases);
/// Draws the cases that are drawn, each under its heading.
/// \param draw  what stands under the heading of one case; `n_cases` is how many there are
using DrawCase = std::function<Lines(const CaseRange& range, std::size_t n_cases)>;
Lines draw_cases(const View& view, const std::vector<CaseRange>& cases, const DrawCase& draw);
/// Narrows a case to the last tokens that a table of one row a token draws; says how many it left
/// out, if any.
Lines keep_last_rows(CaseRange& range, const TerminalStyle& style);
/// How many cases are drawn: all of up to three, else the first.
std::size_t cases_to_draw(std::size_t n_cases);
/// Says how many cases were left out, if any.
void say_more_cases(Lines& lines, std::size_t n_cases, const TerminalStyle& style);

/// Each says whether it can draw a dataset, and draws it.
bool is_lens(const Dataset& dataset);
Lines lens_view(const View& view);
bool is_attribution(const Dataset& dataset);
Lines attribution_view(const View& view);
/// The same averaged over cases.
bool is_average_attribution(const Dataset& dataset);
Lines average_attribution_view(const View& view);
/// One text under two models.
bool is_comparison(const Dataset& dataset);
Lines comparison_view(const View& view);
bool is_token_analysis(const Dataset& dataset);
Lines token_view(const View& view);
Lines general_view(const View& view);

}  // namespace lensbench::terminal

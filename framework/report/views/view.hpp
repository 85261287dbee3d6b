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

/// A dataset to draw and what every view needs for it.
struct View {
  const Dataset& dataset;
  const TokenText& token_text;
  const TerminalStyle& style;

  /// Text of a token id, with marked blanks; empty for a negative id, which means a missing token.
  std::string token(double id) const;
  /// A token text of the dataset, with marked blanks.
  std::string token(std::string_view text) const;
  /// Running text from the dataset.
  std::string text(std::string_view text) const;
  /// A token or a text in quotes `“…”`, for running text.
  std::string quoted(std::string_view shown) const;
  /// An attribute as text; empty if it is missing.
  std::string attribute(const std::string& name) const;
  /// Separator of items in a line: ` · ` or ` | `.
  std::string separator() const;
};

/// Labels of a dimension: the texts or numbers of its coordinate, else indices.
std::vector<std::string> labels_of(const View& view, const std::string& dim);

/// Adds text, wrapped at the width of the terminal.
void say(Lines& lines, std::string_view text, const TerminalStyle& style, int indent = 0);
void append(Lines& lines, const Lines& more);

/// Heading of one of several cases, such as `case 3 (france)`; empty for a single case.
std::string case_heading(const View& view, const CaseRange& range, std::size_t n_cases);
/// Function that draws one of `n_cases` cases.
using DrawCase = std::function<Lines(const CaseRange& range, std::size_t n_cases)>;
/// Draws the cases that `cases_to_draw` selects, each after its heading.
Lines draw_cases(const View& view, const std::vector<CaseRange>& cases, const DrawCase& draw);
/// Reduces a case to its last `most` tokens, if it has too many for a table with one row per token.
/// \return a note about the tokens that are not shown, if any
Lines keep_last_rows(CaseRange& range, const TerminalStyle& style, std::int64_t most = 60);
/// Number of cases to draw: all of up to three cases, else one.
std::size_t cases_to_draw(std::size_t n_cases);
/// Adds a note about the cases that are not shown, if any.
void say_more_cases(Lines& lines, std::size_t n_cases, const TerminalStyle& style);

// Views of datasets with certain variables. `is_...` tells whether a dataset has the variables that
// a view needs, and no `view` of a variable asks for another picture.

/// Logit lens.
bool is_lens(const Dataset& dataset);
Lines lens_view(const View& view);
/// Layer attribution of single cases.
bool is_attribution(const Dataset& dataset);
Lines attribution_view(const View& view);
/// Layer attribution averaged over cases.
bool is_average_attribution(const Dataset& dataset);
Lines average_attribution_view(const View& view);
/// Token analysis of one text under two models.
bool is_comparison(const Dataset& dataset);
Lines comparison_view(const View& view);
/// Token analysis of one model.
bool is_token_analysis(const Dataset& dataset);
Lines token_view(const View& view);
/// Vision lens: the answer layer by layer, and maps of concepts over the tokens of pictures.
bool is_vision_lens(const Dataset& dataset);
Lines vision_view(const View& view);
/// View for all other datasets.
Lines general_view(const View& view);

}  // namespace lensbench::terminal

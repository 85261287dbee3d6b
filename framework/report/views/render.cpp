#include "report/views/render.hpp"

#include <algorithm>

#include "report/terminal/paint.hpp"
#include "report/views/generic_views.hpp"
#include "report/views/view.hpp"

namespace lensbench {
namespace terminal {
namespace {

/// A view for datasets with certain variables, and the kind of picture that it draws.
struct DatasetView {
  bool (*suits)(const Dataset& dataset);
  Lines (*draw)(const View& view);
  lensbench::View kind;
};

/// The first view that suits a dataset draws it.
constexpr DatasetView kDatasetViews[] = {
    {is_lens, lens_view, lensbench::View::heatmap},
    {is_attribution, attribution_view, lensbench::View::bars},
    {is_average_attribution, average_attribution_view, lensbench::View::bars},
    {is_comparison, comparison_view, lensbench::View::tokens},
    {is_vision_lens, vision_view, lensbench::View::image},
    {is_token_analysis, token_view, lensbench::View::generation},
};

Lines body(const View& view) {
  for (const auto& one : kDatasetViews)
    if (one.suits(view.dataset)) return one.draw(view);
  return views_of_variables(view);
}

/// Name and sizes in one line; a long name leaves fewer cells for the sizes.
std::string title(const std::string& name, const View& view) {
  std::string line = view.text(name);
  std::string sizes;
  for (const auto& [dim, length] : view.dataset.dims())
    sizes += view.separator() + view.text(dim) + " " + std::to_string(length);
  line = shorten(line, view.style.columns, view.style.unicode);
  const int room = view.style.columns - display_width(line);
  return bold(line, view.style) + faint(shorten(sizes, room, view.style.unicode), view.style);
}

// Adds the attributes: numbers and short texts together, and each longer text on lines of its own.
void attributes(Lines& lines, const View& view) {
  constexpr int kLongest = 40;
  std::string line;
  std::vector<std::string> longer;
  for (const auto& [name, value] : view.dataset.attributes) {
    const std::string shown = view.attribute(name);
    if (shown.empty()) continue;
    if (display_width(shown) > kLongest)
      longer.push_back(cat({view.text(name), " = ", shown}));
    else
      line += cat({line.empty() ? "" : "; ", view.text(name), " = ", shown});
  }
  if (line.empty() && longer.empty()) return;
  lines.emplace_back();
  if (!line.empty()) say(lines, line, view.style, 2);
  for (const std::string& one : longer) say(lines, one, view.style, 2);
}

/// Receipts end every drawing, also the one without any: a missing check must be as visible as a
/// failed one.
void receipts(Lines& lines, const View& view) {
  std::int64_t passed = 0;
  for (const auto& receipt : view.dataset.receipts) passed += receipt.passed ? 1 : 0;
  const std::int64_t failed = std::ssize(view.dataset.receipts) - passed;
  lines.emplace_back();
  if (view.dataset.receipts.empty()) lines.push_back("No receipts.");
  if (passed > 0) lines.push_back(count(passed, "receipt") + " passed.");
  if (failed > 0) lines.push_back(alarm(count(failed, "RECEIPT") + " FAILED.", view.style));
  for (const auto& receipt : view.dataset.receipts) {
    if (receipt.passed) continue;
    Lines wrapped =
        wrap("FAILED " + view.text(receipt.name) + ": " + number(receipt.value) + ", at most " +
                 number(receipt.tolerance) + " is allowed. " + view.text(receipt.note),
             view.style.columns, 2, view.style.unicode);
    for (auto& line : wrapped) lines.push_back(alarm(line, view.style));
  }
}

}  // namespace
}  // namespace terminal

std::string render_dataset(const std::string& name, const Dataset& dataset,
                           const TokenText& token_text, const TerminalStyle& style) {
  TerminalStyle usable = style;
  // Views are laid out for at least 60 cells; a smaller width counts as 60.
  usable.columns = std::clamp(style.columns, 60, 400);
  const terminal::View view{dataset, token_text, usable};
  terminal::Lines lines{terminal::title(name, view)};
  terminal::append(lines, terminal::body(view));
  terminal::attributes(lines, view);
  terminal::receipts(lines, view);
  std::string text;
  for (const auto& line : lines) text += line + "\n";
  return text;
}

int reading_order(const Dataset& dataset) {
  for (const auto& one : terminal::kDatasetViews)
    if (one.suits(dataset)) return terminal::order_of(one.kind);
  return terminal::order_of_variables(dataset);
}

}  // namespace lensbench

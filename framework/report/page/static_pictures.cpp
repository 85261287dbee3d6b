#include "report/page/static_pictures.hpp"

#include <algorithm>
#include <functional>
#include <lensbench/error.hpp>
#include <map>
#include <numeric>
#include <optional>
#include <utility>
#include <vector>

#include "archive/hdf5/case_selection.hpp"
#include "core/text/markup.hpp"
#include "core/text/shell_words.hpp"
#include "report/figure/figure.hpp"
#include "report/page/escape.hpp"

namespace lensbench::page {
namespace {

constexpr std::int64_t kMostValues = 4'000'000;
/// A map of more cells is an image, which is smaller than rectangles.
constexpr std::size_t kMostRectangles = 1000;

bool is_drawn(const PageVariable& variable) {
  const Variable& facts = variable.facts();
  // Only texts do not have rows.
  return !facts.coordinate && variable.stored->rows && facts.holds != Holds::token_ids &&
         !variable.dims.empty();
}

/// The variable of each view that the page shows first, in the order of the result.
std::vector<const PageVariable*> first_of_each_view(const PageResult& result) {
  std::vector<const PageVariable*> first;
  std::map<std::string, std::size_t> place;
  for (const PageVariable& variable : result.variables) {
    if (!is_drawn(variable)) continue;
    const auto [at, is_new] = place.try_emplace(view_of(variable, result), first.size());
    if (is_new) first.push_back(&variable);
    // A lens opens with the probability of the target.
    else if (variable.name == "target_probability")
      first[at->second] = &variable;
  }
  return first;
}

/// What a figure of a variable needs of a result.
StoredDataset needed_for(const PageResult& result, const std::string& variable) {
  std::vector<Variable> facts;
  facts.reserve(result.data.variables.size());
  for (const StoredVariable& one : result.data.variables) facts.push_back(one.facts);
  const auto names = figure::variables_to_read(facts, variable);
  StoredDataset needed = result.data;
  std::erase_if(needed.variables, [&](const StoredVariable& one) {
    return std::find(names.begin(), names.end(), one.facts.name) == names.end();
  });
  return needed;
}

bool is_too_large(const PagePart& part) {
  const auto shape = part.shape();
  return std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>()) >
         kMostValues;
}

std::string case_id(const PageRun& run, std::int64_t number) {
  const auto& cases = run.source->cases;
  if (number < 0 || number >= std::ssize(cases) || cases.size() < 2) return "";
  return cases[static_cast<std::size_t>(number)].id;
}

/// SVG of one part of a variable; empty if it does not have a picture.
std::string svg_of(const PageRun& run, const PageResult& result, const PageVariable& variable,
                   const PagePart& part) {
  figure::Request request{.variable = variable.name, .dataset = result.name};
  request.width_mm = 170;
  request.most_rects = kMostRectangles;
  CaseSelection selection{{}, false};
  if (part.number >= 0) {
    request.case_number = part.number;
    request.case_id = case_id(run, part.number);
    selection.cases = {part.number};
  }
  try {
    const Dataset values = read_selection(needed_for(result, variable.name), selection);
    return figure::draw(values, request, run.source->token).svg;
  } catch (const UsageError&) {
    return "";
  }
}

/// A picture in SVG, empty if there is none, and its name and command in HTML.
struct Picture {
  std::string svg, caption;
};

/// The picture of the first case that has one.
Picture picture_of(const PageRun& run, const PageResult& result, const PageVariable& variable) {
  for (const PagePart& part : variable.parts) {
    if (is_too_large(part)) continue;
    std::string svg = svg_of(run, result, variable, part);
    if (svg.empty()) continue;
    const std::string name = result.name + "/" + variable.name, id = case_id(run, part.number);
    std::string caption = escape_markup(name + (id.empty() ? "" : ", case " + id));
    if (run.source->sealed)
      caption += ": <code>" +
                 escape_markup("lensbench plot " + shell_word(run.source->file) + " " +
                               shell_word(name) + (id.empty() ? "" : " --case " + shell_word(id)) +
                               " --width 170mm -o figure.svg") +
                 "</code>";
    return {std::move(svg), std::move(caption)};
  }
  return {};
}

}  // namespace

std::string static_pictures(const PageRun& run, std::size_t bytes) {
  std::string out;
  std::size_t used = 0;
  for (const auto& result : run.results)
    for (const PageVariable* variable : first_of_each_view(*result)) {
      const auto [svg, caption] = picture_of(run, *result, *variable);
      if (svg.empty()) continue;
      const bool fits = used + svg.size() <= bytes;
      if (fits) used += svg.size();
      out += fits ? "<figure>" + svg + "<figcaption>" + caption + "</figcaption></figure>"
                  : "<p>The picture of " + caption + " does not fit into this page.</p>";
    }
  return out;
}

}  // namespace lensbench::page

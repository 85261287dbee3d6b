#include "report/page/static_pictures.hpp"

#include <algorithm>
#include <lensbench/error.hpp>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "archive/hdf5/case_selection.hpp"
#include "core/text/markup.hpp"
#include "core/text/shell_words.hpp"
#include "report/figure/figure.hpp"
#include "report/figure/map.hpp"
#include "report/page/escape.hpp"

namespace lensbench::page {
namespace {

constexpr std::int64_t kMostValues = 4'000'000;
/// A map of more cells is an image, which is smaller than rectangles.
constexpr std::size_t kMostRectangles = 1000;
/// Most pixels along a side of such an image: more than a hundred on an inch of a printed page.
constexpr std::size_t kMostSidePixels = 768;

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

/// What a figure of a part of a variable needs of a result.
StoredDataset needed_for(const PageResult& result, const std::string& variable,
                         const PagePart& part) {
  std::vector<Variable> facts;
  facts.reserve(result.data.variables.size());
  // Without the texts, of which an archive may have millions.
  for (const StoredVariable& one : result.data.variables) {
    facts.push_back({.name = one.facts.name, .dims = one.facts.dims});
    facts.back().coordinate = one.facts.coordinate;
    facts.back().attributes = one.facts.attributes;
  }
  const auto names = figure::variables_to_read(facts, variable);
  // The cells of a larger map have neither texts nor the line above which the answer is the final
  // one.
  const bool is_lens = cells_of(part.shape()) <= static_cast<std::int64_t>(figure::kMostRects);
  StoredDataset needed;
  needed.attributes = result.data.attributes;
  needed.receipts = result.data.receipts;
  for (const StoredVariable& one : result.data.variables) {
    const bool ids = one.facts.holds == Holds::token_ids && !one.facts.coordinate;
    if (std::find(names.begin(), names.end(), one.facts.name) != names.end() && (is_lens || !ids))
      needed.variables.push_back(one);
  }
  return needed;
}

bool is_too_large(const PagePart& part) {
  return cells_of(part.shape()) > kMostValues;
}

std::string case_id(const PageRun& run, std::int64_t number) {
  const auto& cases = run.source->cases;
  if (number < 0 || number >= std::ssize(cases) || cases.size() < 2) return "";
  return cases[static_cast<std::size_t>(number)].id;
}

/// Figure of one part of a variable; nothing if it does not have one.
std::optional<figure::Figure> figure_of(const PageRun& run, const PageResult& result,
                                        const PageVariable& variable, const PagePart& part) {
  figure::Request request{.variable = variable.name, .dataset = result.name};
  request.width_mm = 170;
  request.most_rects = kMostRectangles;
  request.most_pixels = kMostSidePixels;
  CaseSelection selection{{}, false};
  if (part.number >= 0) {
    request.case_number = part.number;
    request.case_id = case_id(run, part.number);
    selection.cases = {part.number};
  }
  try {
    const Dataset values = read_selection(needed_for(result, variable.name, part), selection);
    return figure::draw(values, request, run.source->token);
  } catch (const UsageError&) {
    return std::nullopt;
  }
}

std::string caption_of(const PageRun& run, const PageResult& result, const PageVariable& variable,
                       const PagePart& part) {
  const std::string name = result.name + "/" + variable.name, id = case_id(run, part.number);
  const std::string caption = escape_markup(name + (id.empty() ? "" : ", case " + id));
  if (!run.source->sealed) return caption;
  return caption + ": <code>" +
         escape_markup("lensbench plot " + shell_word(run.source->file) + " " + shell_word(name) +
                       (id.empty() ? "" : " --case " + shell_word(id)) +
                       " --width 170mm -o figure.svg") +
         "</code>";
}

/// The picture of the first case that has one. A picture without SVG is that of a variable of which
/// every case is too large.
std::optional<StaticPicture> picture_of(const PageRun& run, const PageResult& result,
                                        const PageVariable& variable) {
  std::optional<StaticPicture> named;
  for (const PagePart& part : variable.parts) {
    if (is_too_large(part)) {
      if (!named) named = {"", caption_of(run, result, variable, part), ""};
      continue;
    }
    auto figure = figure_of(run, result, variable, part);
    if (!figure) continue;
    StaticPicture picture{std::move(figure->svg), caption_of(run, result, variable, part), ""};
    for (const std::string& note : figure->notes) picture.notes += "; " + escape_markup(note);
    return picture;
  }
  return named;
}

}  // namespace

std::vector<StaticPicture> static_pictures(const PageRun& run, std::size_t bytes) {
  std::vector<StaticPicture> pictures;
  std::size_t used = 0;
  for (const auto& result : run.results)
    for (const PageVariable* variable : first_of_each_view(*result)) {
      auto picture = picture_of(run, *result, *variable);
      if (!picture) continue;
      if (used + picture->svg.size() <= bytes)
        used += picture->svg.size();
      else
        picture->svg = std::string();
      pictures.push_back(*std::move(picture));
    }
  return pictures;
}

std::string elements_of(const std::vector<StaticPicture>& pictures, bool shown) {
  std::string out;
  for (const StaticPicture& one : pictures)
    out += shown && !one.svg.empty()
               ? "<figure>" + one.svg + "<figcaption>" + one.caption + one.notes +
                     "</figcaption></figure>"
               : "<p>The picture of " + one.caption + " does not fit into this page.</p>";
  return out;
}

}  // namespace lensbench::page

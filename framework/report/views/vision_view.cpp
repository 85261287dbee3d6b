#include <algorithm>
#include <cmath>

#include "report/terminal/table.hpp"
#include "report/views/generic_views.hpp"
#include "report/views/lens_grid.hpp"
#include "report/views/patch_layers.hpp"

namespace lensbench::terminal {
namespace {

/// Concepts in the table and with maps; the archive has all.
constexpr std::size_t kMostConcepts = 3;

/// Values of a variable of one case: results of several cases have the axis `case_number` first.
Grid of_case(const Dataset& dataset, const std::string& name, std::size_t number) {
  if (!dataset.contains(name) || dataset[name].is_text()) return {};
  const Variable& variable = dataset[name];
  const bool by_case = !variable.dims.empty() && variable.dims.front() == "case_number";
  if (!by_case) return Grid(variable.tensor);
  const auto index = static_cast<std::int64_t>(number);
  return index < variable.tensor.size(0) ? Grid(variable.tensor.select(0, index)) : Grid();
}

/// What a vision lens found in one case: the answer layer by layer, then maps of concepts.
class VisionCase {
 public:
  VisionCase(const View& view, const PatchCase& one, std::size_t index)
      : view_(view),
        one_(one),
        index_(index),
        numbers_(layer_numbers(view.dataset, "layer")),
        shown_(layers_to_draw(std::ssize(numbers_))) {
    if (has(view.dataset, "concept", {"concept"})) concepts_ = labels_of(view, "concept");
    concepts_.resize(std::min(concepts_.size(), kMostConcepts));
  }

  Lines write() const {
    Lines lines;
    say(lines,
        "Answer, at the last position, layer by layer (0: input of the first block, l: after l "
        "blocks):",
        view_.style);
    append(lines, answer());
    for (std::size_t i = 0; i < concepts_.size(); ++i) onset(lines, i);
    lines.emplace_back();
    maps(lines);
    return lines;
  }

 private:
  Grid values(const std::string& name) const { return of_case(view_.dataset, name, index_); }

  void candidates(std::vector<Column>& columns) const {
    const Grid ids = values("answer_top_id"), shares = values("answer_top_probability");
    const std::int64_t most = concepts_.empty() || view_.style.columns >= 100 ? 2 : 1;
    for (std::int64_t k = 0; k < std::min(most, ids.length(1)); ++k) {
      Column tokens{k == 0 ? "1st" : "2nd", Align::left, {}, 4};
      Column probabilities{"p", Align::right, {}};
      for (const auto layer : shown_) {
        tokens.cells.push_back(shorten(view_.token(ids(layer, k)), 14, view_.style.unicode));
        probabilities.cells.push_back(short_probability(shares(layer, k)));
      }
      columns.push_back(std::move(tokens));
      columns.push_back(std::move(probabilities));
    }
  }

  void concept_columns(std::vector<Column>& columns, std::size_t concept_index) const {
    const Grid logs = values("answer_concept_log_probability"),
               ranks = values("answer_concept_rank");
    if (logs.empty() || ranks.empty()) return;
    Column shares{shorten(concepts_[concept_index], 10, view_.style.unicode), Align::right, {}};
    Column places{"rank", Align::right, {}};
    for (const auto layer : shown_) {
      shares.cells.push_back(short_probability(std::exp(logs(layer, concept_index))));
      places.cells.push_back(whole(ranks(layer, concept_index)));
    }
    columns.push_back(std::move(shares));
    columns.push_back(std::move(places));
  }

  Lines answer() const {
    Column layers{"layer", Align::right, {}}, entropy{"entropy", Align::right, {}};
    const Grid entropies = values("answer_entropy");
    for (const auto layer : shown_) {
      layers.cells.push_back(std::to_string(numbers_[static_cast<std::size_t>(layer)]));
      if (!entropies.empty()) entropy.cells.push_back(fixed(entropies(layer), 2));
    }
    std::vector<Column> columns{std::move(layers)};
    candidates(columns);
    for (std::size_t i = 0; i < concepts_.size(); ++i) concept_columns(columns, i);
    if (!entropy.cells.empty()) columns.push_back(std::move(entropy));
    return table(std::move(columns), 1, view_.style);
  }

  static std::string from_layer(double layer) {
    return layer < 0 ? "never" : "from layer " + whole(layer) + " on";
  }

  /// From which layer on the answer has the concept, and the same for the controls.
  void onset(Lines& lines, std::size_t concept_index) const {
    const Grid found = values("onset"), controls = values("control_onset");
    if (found.empty()) return;
    std::string line =
        cat({view_.quoted(concepts_[concept_index]), " is among the first ",
             view_.attribute("within"), " tokens: ", from_layer(found(concept_index))});
    if (!controls.empty() && has(view_.dataset, "control", {"control"})) {
      const auto names = labels_of(view_, "control");
      for (std::size_t i = 0; i < names.size(); ++i) {
        const double layer = controls(i, concept_index);
        // A control that the case does not have has no value.
        if (!std::isnan(layer)) line += cat({"; ", names[i], ": ", from_layer(layer)});
      }
    }
    say(lines, line + ".", view_.style, 2);
  }

  PatchLayers layers_of_concept(std::size_t concept_index) const {
    const Grid logs(view_.dataset["concept_log_probability"].tensor);
    PatchLayers layers;
    for (std::int64_t layer = 0; layer < logs.length(0); ++layer) {
      layers.titles.push_back(cat({concepts_[concept_index], ", layer ",
                                   std::to_string(numbers_[static_cast<std::size_t>(layer)])}));
      std::vector<double> row;
      row.reserve(static_cast<std::size_t>(logs.length(1)));
      for (std::int64_t token = 0; token < logs.length(1); ++token)
        row.push_back(logs(layer, token, concept_index));
      layers.values.push_back(std::move(row));
    }
    return layers;
  }

  /// One scale for all concepts, so that their maps can be compared.
  void maps(Lines& lines) const {
    if (concepts_.empty() ||
        !has(view_.dataset, "concept_log_probability", {"layer", "image_token", "concept"})) {
      say(lines, "No concepts were given, hence no map (--set concepts=NAME=WORD|WORD,...).",
          view_.style);
      return;
    }
    say(lines,
        "Tokens of the picture, each a square: ln probability of the concept at the first layer, "
        "at that where it is largest, and at the last:",
        view_.style);
    std::vector<PatchLayers> all;
    std::vector<std::vector<std::size_t>> chosen;
    ShareScale scale;
    for (std::size_t i = 0; i < concepts_.size(); ++i) {
      all.push_back(layers_of_concept(i));
      chosen.push_back(layers_with_largest(all[i], one_.range));
      scale = scale_of(all[i], chosen[i], one_.range, scale);
    }
    for (std::size_t i = 0; i < concepts_.size(); ++i)
      append(lines, patch_panels(panels_of(all[i], chosen[i], one_, scale), view_.style));
    say_scale(lines, scale, view_.style);
  }

  const View& view_;
  const PatchCase& one_;
  std::size_t index_;
  std::vector<std::int64_t> numbers_, shown_;
  std::vector<std::string> concepts_;
};

/// Whether the tokens of concepts are there in the form that the tool gives them.
bool has_concept_tokens(const Dataset& dataset) {
  const auto is = [&](const char* name, bool text) {
    return has(dataset, name, {"concept_token"}) && dataset[name].is_text() == text;
  };
  return is("token_concept", true) && is("token_text", true) && is("token_id", false) &&
         is("begins_form", false);
}

/// Ids and texts of the tokens of each concept: a token that begins other words as well makes the
/// concept more probable than it is.
void concept_tokens(Lines& lines, const View& view) {
  if (!has_concept_tokens(view.dataset)) return;
  const auto& concepts = view.dataset["token_concept"].strings;
  const auto& texts = view.dataset["token_text"].strings;
  const Grid ids(view.dataset["token_id"].tensor), begins(view.dataset["begins_form"].tensor);
  std::string line;
  std::size_t written = 0;
  for (std::size_t i = 0; i < concepts.size() && written < kMostConcepts; ++i) {
    const bool first = i == 0 || concepts[i] != concepts[i - 1];
    line += first ? cat({"Tokens of ", view.quoted(view.text(concepts[i])), ": "}) : ", ";
    line += cat({whole(ids(i)), " ", view.quoted(view.token(texts[i]))});
    if (begins(i) != 0) line += " (begins other texts as well)";
    if (i + 1 < concepts.size() && concepts[i + 1] == concepts[i]) continue;
    say(lines, line + ".", view.style, 2);
    line.clear();
    ++written;
  }
  if (written > 0) lines.emplace_back();
}

}  // namespace

bool is_vision_lens(const Dataset& dataset) {
  for (const char* name : {"answer_top_id", "answer_top_probability"})
    if (!dataset.contains(name) || dataset[name].is_text() ||
        !allows(dataset, name, lensbench::View::image))
      return false;
  const auto& dims = dataset["answer_top_id"].dims;
  const bool of_layers = dims == std::vector<std::string>{"layer", "rank"} ||
                         dims == std::vector<std::string>{"case_number", "layer", "rank"};
  return of_layers && dataset["answer_top_probability"].dims == dims &&
         !patch_cases(dataset).empty();
}

Lines vision_view(const View& view) {
  const auto cases = patch_cases(view.dataset);
  Lines lines;
  concept_tokens(lines, view);
  for (std::size_t i = 0; i < cases_to_draw(cases.size()); ++i) {
    const std::string heading = case_heading(view, cases[i].range, cases.size());
    if (i > 0) lines.emplace_back();
    if (!heading.empty()) say(lines, heading, view.style);
    append(lines, VisionCase(view, cases[i], i).write());
  }
  say_more_cases(lines, cases.size(), view.style);
  if (has(view.dataset, "continuation", {"continuation"}) &&
      view.dataset.contains("continuation_share")) {
    lines.emplace_back();
    append(lines, heatmap_view(view, view.dataset["continuation_share"], {"layer", "continuation"},
                               Palette::by_size));
  }
  lines.emplace_back();
  say(lines, "The archive has all layers and variables (lensbench show FILE --facts).", view.style);
  return lines;
}

}  // namespace lensbench::terminal

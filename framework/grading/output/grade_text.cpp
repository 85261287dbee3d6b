#include "grading/output/grade_text.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "core/text/suggest.hpp"
#include "grading/output/grade_fields.hpp"
#include "grading/output/stories.hpp"
#include "grading/output/tool_command.hpp"
#include "grading/output/worst_items.hpp"
#include "grading/scores/metric_names.hpp"
#include "report/terminal/numbers.hpp"
#include "report/terminal/table.hpp"

namespace lensbench::grading {
namespace {

using Lines = std::vector<std::string>;

/// Tables are wide, and a pipe has no width.
constexpr int kLeastColumns = 118;

/// Best first by the first metric of the kind.
std::vector<const Entry*> sorted_entries(const Grades& grades, TableKind kind) {
  std::vector<const Entry*> entries;
  for (const Entry& entry : grades.entries)
    if (entry.kind == kind) entries.push_back(&entry);
  std::stable_sort(entries.begin(), entries.end(), [](const Entry* a, const Entry* b) {
    const Estimate &x = a->estimates.front(), &y = b->estimates.front();
    const bool larger = larger_is_better(x.name);
    // NaN is last.
    if (std::isnan(x.value) || std::isnan(y.value))
      return !std::isnan(x.value) && std::isnan(y.value);
    return larger ? x.value > y.value : x.value < y.value;
  });
  return entries;
}

/// Tool and claim; the settings, too, where two entries of a table would have one name.
std::string entry_name(const Entry& entry, const std::vector<const Entry*>& entries) {
  const std::string name = entry.tool + " " + entry.claim;
  const auto same = std::count_if(entries.begin(), entries.end(), [&](const Entry* other) {
    return other->tool == entry.tool && other->claim == entry.claim;
  });
  return same > 1 && !entry.settings.empty() ? name + " (" + entry.settings + ")" : name;
}

/// What the control `permuted` exchanges.
const char* permuted_name(TableKind kind) {
  switch (kind) {
    case TableKind::presence:
      return "labels permuted among prompts";
    case TableKind::features:
      return "activations with tokens permuted";
    default:
      return "membership permuted within kinds";
  }
}

double first_permuted(const std::vector<const Entry*>& entries) {
  for (const Entry* entry : entries)
    if (!std::isnan(entry->estimates.front().permuted)) return entry->estimates.front().permuted;
  return std::nan("");
}

/// What random scores reach, of the first row that has a band: not every claim of a table can be
/// compared with them. Empty if none has.
std::string band_text(const std::vector<const Entry*>& entries) {
  const auto banded = std::find_if(entries.begin(), entries.end(), [](const Entry* entry) {
    return !std::isnan(entry->estimates.front().random_low);
  });
  if (banded == entries.end()) return "";
  const Estimate& first = (*banded)->estimates.front();
  std::string text = "random scores: " + two_digits(first.random) + " " +
                     interval_text(first.random_low, first.random_high);
  const auto add = [&](const std::string& control, double value) {
    if (!std::isnan(value)) text += "; " + control + ": " + two_digits(value);
  };
  add(permuted_name(entries.front()->kind), first_permuted(entries));
  add("principal components of the tokens", first.components);
  add("tokens as directions", first.tokens);
  for (const auto& [header, metric] : {std::pair("CPR", "cpr"), {"CMD", "cmd"}})
    if (const Estimate* found = find_estimate(**banded, metric))
      if (!std::isnan(found->random))
        text += "; " + std::string(header) + " of random circuits: " + two_digits(found->random) +
                " " + interval_text(found->random_low, found->random_high);
  return text;
}

void add_table(Lines& lines, const Grades& grades, TableKind kind, const TerminalStyle& style) {
  const auto entries = sorted_entries(grades, kind);
  if (entries.empty()) return;
  lines.emplace_back();
  lines.emplace_back(title_of(kind));
  terminal::Column names{"tool, its claim", terminal::Align::left, {}, 0};
  for (const Entry* entry : entries)
    names.cells.push_back(
        terminal::visible(entry_name(*entry, entries), terminal::Blanks::kept, style.unicode));
  std::vector<terminal::Column> columns = {names};
  for (const Field& field : fields_of(kind)) {
    terminal::Column column{field.header, terminal::Align::right, {}, 0};
    for (const Entry* entry : entries) column.cells.push_back(field.text(*entry));
    if (std::any_of(column.cells.begin(), column.cells.end(),
                    [](const std::string& cell) { return !cell.empty(); }))
      columns.push_back(std::move(column));
  }
  TerminalStyle wide = style;
  wide.columns = std::max(style.columns, kLeastColumns);
  for (std::string& line : terminal::table(std::move(columns), 1, wide))
    lines.push_back(std::move(line));
  if (const std::string band = band_text(entries); !band.empty())
    for (std::string& line : terminal::wrap(band, wide.columns, 2))
      lines.push_back(std::move(line));
}

std::string place_text(const Grades& grades, std::size_t task) {
  const TaskPlace& place = grades.tasks[task];
  const Truth& truth = grades.models[place.model].truth;
  return truth.name + "/" + truth.tasks[place.task].name;
}

/// Under the worst items of each entry the command that shows what it claims of the first one.
void add_worst(Lines& lines, const Grades& grades, const GradeRequest& request) {
  Lines found;
  for (std::size_t i = 0; i < grades.entries.size(); ++i) {
    const Entry& entry = grades.entries[i];
    const auto worst = worst_items(entry, 3);
    for (const WorstItem& item : worst)
      found.push_back("  " + entry.tool + " " + entry.claim + ", " + place_text(grades, item.task) +
                      ", " + item.item + ": claimed rank " + terminal::number(item.claimed_rank) +
                      " of " + std::to_string(item.items) + ", true rank " +
                      terminal::number(item.true_rank) + " (claimed " + two_digits(item.claimed) +
                      ", true " + two_digits(item.truth) + ")");
    if (!worst.empty())
      found.push_back("    " + command_of(grades, request, i, worst.front().task));
  }
  if (found.empty()) return;
  lines.emplace_back();
  lines.emplace_back("Worst items, by rank among the total effects of their task");
  lines.insert(lines.end(), found.begin(), found.end());
}

void add_stories(Lines& lines, const Grades& grades, const TerminalStyle& style) {
  const auto stories = stories_of(grades);
  if (stories.empty()) return;
  lines.emplace_back();
  lines.emplace_back("Stories");
  for (const Story& story : stories)
    for (std::string& line : terminal::wrap("  " + story.title + ": " + story.seen,
                                            std::max(style.columns, kLeastColumns), 4))
      lines.push_back(std::move(line));
}

/// `refused 2 models and 3 tasks of others: its sentence`
std::string refused_text(const Unscored& tool) {
  const auto n = [](std::size_t count, const char* noun) {
    return terminal::count(static_cast<std::int64_t>(count), noun);
  };
  std::string refused;
  if (tool.models > 0) refused = n(tool.models, "model");
  if (tool.tasks > 0)
    refused += (refused.empty() ? "" : " and ") + n(tool.tasks, "task") + " of others";
  return "refused " + refused + ": " + tool.reason;
}

std::string reason_text(const Unscored& tool) {
  if (tool.why == Unscored::Why::refused) return refused_text(tool);
  if (tool.why == Unscored::Why::no_truth)
    return "answered, but the models have no truth for what it claims";
  return "claims " + tool.reason + ", which is not graded yet";
}

/// \param all_claims  false: a tool whose claims were not asked for is not listed
void add_unscored(Lines& lines, const Grades& grades, bool all_claims, const TerminalStyle& style) {
  std::set<std::string> no_claim;
  Lines others;
  for (const Unscored& tool : grades.unscored) {
    const std::string name = tool.tool + (tool.settings.empty() ? "" : " (" + tool.settings + ")");
    if (tool.why == Unscored::Why::no_claim)
      no_claim.insert(tool.tool);
    else if (tool.why != Unscored::Why::no_truth || all_claims)
      others.push_back("  " + name + ": " + reason_text(tool));
  }
  if (no_claim.empty() && others.empty()) return;
  lines.emplace_back();
  lines.emplace_back("Without a score");
  if (!no_claim.empty())
    others.insert(others.begin(),
                  "  make no claim: " + join({no_claim.begin(), no_claim.end()}, ", "));
  for (const std::string& text : others)
    for (std::string& line : terminal::wrap(text, std::max(style.columns, kLeastColumns), 4))
      lines.push_back(std::move(line));
}

void add_notes(Lines& lines, const Grades& grades, const TerminalStyle& style) {
  if (std::any_of(grades.entries.begin(), grades.entries.end(), [](const Entry& entry) {
        return !entry.settings.empty() || !entry.problems.empty();
      }))
    lines.emplace_back();
  std::set<std::string> told;
  for (const Entry& entry : grades.entries)
    if (!entry.settings.empty() && told.insert(entry.tool + " " + entry.claim).second)
      lines.push_back("settings of " + entry.tool + " " + entry.claim + ": " + entry.settings);
  for (const Entry& entry : grades.entries)
    for (const std::string& problem : entry.problems)
      for (std::string& line : terminal::wrap(entry.tool + " " + entry.claim + ": " + problem,
                                              std::max(style.columns, kLeastColumns), 2))
        lines.push_back(std::move(line));
}

/// Kinds with fewer models than an interval over seeds needs.
std::string few_seeds(const Grades& grades) {
  constexpr std::size_t kEnough = 5;
  std::map<std::string, std::set<std::size_t>> models;
  for (const TaskPlace& place : grades.tasks)
    models[grades.models[place.model].truth.origin.generator].insert(place.model);
  std::size_t few = 0;
  for (const auto& [kind, own] : models)
    if (own.size() < kEnough) ++few;
  if (few == 0) return "";
  return "; " + std::to_string(few) + " of " + std::to_string(models.size()) +
         " kinds have fewer than 5 models, so that the intervals say little about other models";
}

}  // namespace

std::vector<std::string> grade_text(const Grades& grades, const GradeRequest& request,
                                    const TerminalStyle& style) {
  Lines lines;
  const auto n = [](std::size_t count, const char* noun) {
    return terminal::count(static_cast<std::int64_t>(count), noun);
  };
  std::set<std::size_t> models;
  for (const TaskPlace& place : grades.tasks) models.insert(place.model);
  lines =
      terminal::wrap(n(models.size(), "planted model") + ", " + n(grades.tasks.size(), "task") +
                         ", " + n(request.counts.bootstrap, "bootstrap draw") + few_seeds(grades),
                     std::max(style.columns, kLeastColumns));
  for (const TableKind kind :
       {TableKind::effects, TableKind::edges, TableKind::stream, TableKind::probability,
        TableKind::rank, TableKind::layer, TableKind::distribution, TableKind::attention,
        TableKind::presence, TableKind::features})
    add_table(lines, grades, kind, style);
  add_notes(lines, grades, style);
  add_worst(lines, grades, request);
  add_stories(lines, grades, style);
  add_unscored(lines, grades, request.claims == "*", style);
  return lines;
}

}  // namespace lensbench::grading

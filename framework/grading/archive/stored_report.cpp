#include "grading/archive/stored_report.hpp"

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <lensbench/error.hpp>
#include <nlohmann/json.hpp>

#include "grading/archive/grade_recipe.hpp"
#include "grading/archive/scores_dataset.hpp"
#include "grading/output/no_score.hpp"
#include "report/terminal/text.hpp"

namespace lensbench::grading {
namespace {

bool has(const ArchiveReader& archive, const char* name) {
  const auto names = archive.names();
  return std::find(names.begin(), names.end(), name) != names.end();
}

void add_stored_entries(Grades& grades, const Dataset& scores) {
  const auto& metrics = scores["metric"].strings;
  const auto values = scores["value"].tensor.accessor<double, 2>();
  for (std::size_t i = 0; i < scores["tool"].strings.size(); ++i) {
    Entry entry;
    entry.tool = scores["tool"].strings[i];
    entry.claim = scores["claim"].strings.at(i);
    for (std::size_t m = 0; m < metrics.size(); ++m) {
      Estimate estimate;
      estimate.name = metrics[m];
      estimate.value = values[std::int64_t(i)][std::int64_t(m)];
      // NaN says that the entry does not have the metric.
      if (estimate.value == estimate.value) entry.estimates.push_back(std::move(estimate));
    }
    grades.entries.push_back(std::move(entry));
  }
}

void add_stored_unscored(Grades& grades, const Dataset& rows) {
  using Why = Unscored::Why;
  const auto& states = rows["state"].strings;
  for (std::size_t i = 0; i < states.size(); ++i) {
    Unscored row;
    row.tool = rows["tool"].strings.at(i);
    row.reason = rows["reason"].strings.at(i);
    for (const Why why : {Why::refused, Why::later, Why::no_truth, Why::no_claim})
      if (states[i] == state_of(why)) row.why = why;
    grades.unscored.push_back(std::move(row));
  }
}

}  // namespace

std::vector<std::string> stored_report(const ArchiveReader& archive) {
  if (!is_grade_request(archive.request()) || !has(archive, kReport)) return {};
  const Dataset report = archive.read(kReport);
  if (!report.contains("text") || !report["text"].is_text())
    throw InputError(archive.path().string() + ": damaged: the report does not have lines of text");
  std::vector<std::string> lines;
  // The archive may come from anybody, and control characters must not reach a terminal.
  for (const std::string& line : report["text"].strings)
    lines.push_back(terminal::visible(line, terminal::Blanks::kept));
  return lines;
}

Grades stored_scores(const ArchiveReader& archive) {
  Grades grades;
  if (has(archive, kScores)) add_stored_entries(grades, archive.read(kScores));
  if (has(archive, kWithoutScore)) add_stored_unscored(grades, archive.read(kWithoutScore));
  return grades;
}

}  // namespace lensbench::grading

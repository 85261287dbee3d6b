#include "grading/run/progress.hpp"

#include <algorithm>
#include <cmath>

namespace lensbench::grading {
namespace {

/// A reason, and the model of each task that was refused for it.
using Refusal = std::pair<std::string, std::vector<std::size_t>>;

/// The most frequent first; those after the third are one.
std::vector<Refusal> frequent_refusals(const Progress& progress) {
  constexpr std::size_t kMost = 3;
  std::vector<Refusal> refusals(progress.refusals.begin(), progress.refusals.end());
  std::stable_sort(refusals.begin(), refusals.end(), [](const Refusal& a, const Refusal& b) {
    return a.second.size() > b.second.size();
  });
  if (refusals.size() <= kMost + 1) return refusals;
  Refusal others{std::to_string(refusals.size() - kMost) + " other reasons", {}};
  for (std::size_t i = kMost; i < refusals.size(); ++i)
    others.second.insert(others.second.end(), refusals[i].second.begin(), refusals[i].second.end());
  refusals.resize(kMost);
  refusals.push_back(std::move(others));
  return refusals;
}

/// Models of which no task was answered, and tasks of the others.
void count_refused(Unscored& row, const std::vector<std::size_t>& model_of_task,
                   const std::set<std::size_t>& answered_models) {
  std::set<std::size_t> models;
  for (const std::size_t model : model_of_task) {
    if (answered_models.contains(model))
      ++row.tasks;
    else
      models.insert(model);
  }
  row.models = models.size();
}

}  // namespace

void note_record(Progress& progress, const ToolRecord& record, std::size_t model) {
  progress.later.insert(record.later.begin(), record.later.end());
  progress.claims_nothing = progress.claims_nothing || record.claims_nothing;
  if (progress.claims_nothing) return;
  progress.prompts += record.answered;
  if (!std::isnan(record.seconds)) {
    progress.seconds += record.seconds;
    progress.timed += record.answered;
  }
  if (record.answered == 0)
    progress.refusals[record.refusal].push_back(model);
  else
    progress.answered_models.insert(model);
}

std::vector<Unscored> unscored_rows(const Progress& progress, const Candidate& candidate) {
  using Why = Unscored::Why;
  std::vector<Unscored> rows;
  const auto list = [&](Why why, const std::string& reason) -> Unscored& {
    rows.push_back({candidate.tool->name, candidate.settings_text, why, reason});
    return rows.back();
  };
  for (const std::string& claim : progress.later) list(Why::later, claim);
  if (progress.later.empty()) {
    if (progress.claims_nothing)
      list(Why::no_claim, "");
    else if (progress.has_answered() && progress.entries.empty())
      list(Why::no_truth, "");
  }
  for (const auto& [reason, models] : frequent_refusals(progress))
    count_refused(list(Why::refused, reason), models, progress.answered_models);
  return rows;
}

}  // namespace lensbench::grading

#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "grading/run/candidates.hpp"
#include "grading/run/grade.hpp"
#include "grading/run/task_record.hpp"
#include "grading/scores/entry.hpp"

namespace lensbench::grading {

/// What became of a tool with settings, from the records of the tasks that were taken.
struct Progress {
  std::map<std::pair<std::string, bool>, Entry> entries;  ///< by claim, and `of_stream`
  bool claims_nothing = false;
  std::set<std::string> later;                               ///< claims that are not graded yet
  std::map<std::string, std::vector<std::size_t>> refusals;  ///< the models of refused tasks
  std::set<std::size_t> answered_models;
  double seconds = 0;
  std::size_t timed = 0, prompts = 0;

  bool has_answered() const { return prompts > 0; }
  double seconds_per_prompt() const { return seconds / static_cast<double>(timed); }
};

/// Takes what a record says of the tool as a whole, without its claims.
/// \param model  of the task
void note_record(Progress& progress, const ToolRecord& record, std::size_t model);

/// Rows of a tool that has no score, or not on all models: one for each of the three most frequent
/// refusals, and one for all others.
std::vector<Unscored> unscored_rows(const Progress& progress, const Candidate& candidate);

}  // namespace lensbench::grading

#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "grading/output/grade_text.hpp"

namespace lensbench::grading {
namespace {

using nlohmann::json;

json or_null(double value) {
  return std::isfinite(value) ? json(value) : json();
}

std::size_t models_of(const Grades& grades, const Entry& entry) {
  std::set<std::size_t> models;
  for (const GradedTask& task : entry.tasks) models.insert(grades.tasks[task.task].model);
  return models.size();
}

std::size_t prompts_of(const Entry& entry) {
  std::size_t prompts = 0;
  for (const GradedTask& task : entry.tasks) prompts += task.planted.prompts();
  return prompts;
}

json line_of(const Grades& grades, const Entry& entry, const Estimate& estimate) {
  const Estimate* coverage = find_estimate(entry, "coverage");
  return {{"tool", entry.tool},
          {"settings", entry.settings},
          {"claim", entry.claim},
          {"items", entry.kind == TableKind::stream ? "stream" : ""},
          {"metric", estimate.name},
          {"value", or_null(estimate.value)},
          {"low", or_null(estimate.low)},
          {"high", or_null(estimate.high)},
          {"random", or_null(estimate.random)},
          {"random_low", or_null(estimate.random_low)},
          {"random_high", or_null(estimate.random_high)},
          {"shuffled", or_null(estimate.shuffled)},
          {"difference", or_null(estimate.difference)},
          {"difference_low", or_null(estimate.difference_low)},
          {"difference_high", or_null(estimate.difference_high)},
          {"permuted", or_null(estimate.permuted)},
          {"components", or_null(estimate.components)},
          {"tokens", or_null(estimate.tokens)},
          {"worse", or_null(estimate.worse)},
          {"worse_low", or_null(estimate.worse_low)},
          {"worse_high", or_null(estimate.worse_high)},
          {"models", models_of(grades, entry)},
          {"prompts", prompts_of(entry)},
          {"coverage", coverage == nullptr ? json() : or_null(coverage->value)},
          {"seconds", or_null(entry.seconds_per_prompt)},
          {"status", "scored"}};
}

const char* text_of(Unscored::Why why) {
  switch (why) {
    case Unscored::Why::refused:
      return "refused";
    case Unscored::Why::later:
      return "not_graded";
    case Unscored::Why::no_truth:
      return "no_truth";
    case Unscored::Why::no_claim:
      break;
  }
  return "no_claim";
}

}  // namespace

std::vector<std::string> grade_json_lines(const Grades& grades) {
  std::vector<std::string> lines;
  for (const Entry& entry : grades.entries)
    for (const Estimate& estimate : entry.estimates)
      lines.push_back(line_of(grades, entry, estimate).dump());
  for (const Unscored& tool : grades.unscored)
    lines.push_back(json{{"tool", tool.tool},
                         {"settings", tool.settings},
                         {"claim", tool.why == Unscored::Why::later ? json(tool.reason) : json()},
                         {"metric", nullptr},
                         {"value", nullptr},
                         {"models", tool.models},
                         {"tasks", tool.tasks},
                         {"reason", tool.reason},
                         {"status", text_of(tool.why)}}
                        .dump(-1, ' ', false, json::error_handler_t::replace));
  return lines;
}

}  // namespace lensbench::grading

#include "grading/output/no_score.hpp"

namespace lensbench::grading {

const char* state_of(Unscored::Why why) {
  switch (why) {
    case Unscored::Why::refused:
      return "refused";
    case Unscored::Why::later:
      return "not graded yet";
    case Unscored::Why::no_truth:
      return "no truth for its claims";
    case Unscored::Why::no_claim:
      break;
  }
  return "makes no claim";
}

std::string refusal_of_all(const Grades& grades) {
  if (!grades.entries.empty()) return "";
  const Unscored* refused = nullptr;
  for (const Unscored& tool : grades.unscored) {
    if (tool.why == Unscored::Why::later || tool.why == Unscored::Why::no_truth) return "";
    if (tool.why == Unscored::Why::refused && refused == nullptr) refused = &tool;
  }
  if (refused == nullptr) return "";
  return "grade: there is no score, since every tool that makes a claim refused every model (" +
         refused->tool + ": " + refused->reason +
         "); give other models with --models or --kinds, or another tool";
}

}  // namespace lensbench::grading

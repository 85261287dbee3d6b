#include "grading/run/exact_controls.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string_view>

// Controls whose outcome is known exactly: a claim must be 0, or must not change.

namespace lensbench::grading {
namespace {

/// A wrong tool is wrong on the first prompts.
constexpr std::size_t kPrompts = 3;

bool needs_corrupted(const std::string& claim) {
  for (const char* name : {"effect.noise", "effect.denoise", "effect.total", "effect.direct",
                           "edge.noise", "edge.importance"})
    if (claim == name) return true;
  return false;
}

bool is_trained(const std::string& claim) {
  return claim == "presence" || claim.starts_with("feature.");
}

double largest_of(const std::vector<ItemValues>& prompts, std::size_t most) {
  double largest = std::numeric_limits<double>::quiet_NaN();
  for (std::size_t i = 0; i < std::min(most, prompts.size()); ++i)
    for (const auto& [item, value] : prompts[i])
      if (!std::isnan(value)) largest = std::fmax(largest, std::fabs(value));
  return largest;
}

/// The task with the names that its heads have in the turned model.
Task renamed(Task task, const HeadNames& heads) {
  for (AttendedKey& key : task.attention)
    for (const auto& [turned, own] : heads)
      if (own == key.head) {
        key.head = turned;
        break;
      }
  return task;
}

/// A component or an edge by the names of the model itself.
std::string own_name(const std::string& item, const HeadNames& heads) {
  if (const auto arrow = item.find('>'); arrow != std::string::npos) {
    const auto dot = item.rfind('.');
    return own_name(item.substr(0, arrow), heads) + ">" +
           own_name(item.substr(arrow + 1, dot - arrow - 1), heads) + item.substr(dot);
  }
  const auto own = heads.find(item);
  return own == heads.end() ? item : own->second;
}

ItemValues named_back(const ItemValues& values, const HeadNames& heads) {
  ItemValues named;
  for (const auto& [item, value] : values) named.emplace(own_name(item, heads), value);
  return named;
}

double largest_change(const ItemValues& before, const ItemValues& after) {
  double largest = 0;
  for (const auto& [item, value] : before) {
    const auto other = after.find(item);
    const double now =
        other == after.end() ? std::numeric_limits<double>::quiet_NaN() : other->second;
    if (std::isnan(value) && std::isnan(now)) continue;
    // An item that only one of the two answers is a change without a size.
    largest = std::isnan(value) || std::isnan(now) ? std::numeric_limits<double>::infinity()
                                                   : std::max(largest, std::fabs(now - value));
  }
  return largest;
}

double unit_of(const std::string& claim, const ClaimedTask& claimed, double gap) {
  const ClaimInfo& info = find_claim(claim);
  if (!claim.starts_with("effect.") && !claim.starts_with("edge.") && claim != "importance")
    return 1;
  return std::string_view(info.unit) == "any" ? largest_of(claimed.prompts, kPrompts)
                                              : std::fabs(gap);
}

}  // namespace

NumberOfClaim null_claims(const Question& question, double gap) {
  NumberOfClaim largest;
  const auto& declared = question.tool.parameters;
  if (std::none_of(declared.begin(), declared.end(), [](const ParameterInfo& parameter) {
        return parameter.name == "corrupted_ids";
      }))
    return largest;
  Task unchanged = question.task;
  for (PromptPair& prompt : unchanged.prompts) prompt.corrupted_ids = prompt.ids;
  const Question asked{question.host,  question.tool, question.settings, question.bind,
                       question.model, unchanged,     question.seed,     question.training};
  for (const auto& [key, claimed] : ask(asked, kPrompts, gap).claims)
    if (needs_corrupted(key.first))
      largest[key] = largest_of(claimed.prompts, kPrompts) / std::fabs(gap);
  return largest;
}

NumberOfClaim gauge_changes(const Question& question, const ToolAnswers& answers,
                            const std::shared_ptr<const Model>& turned, const HeadNames& heads,
                            double gap) {
  const Task task = renamed(question.task, heads);
  if (std::all_of(answers.claims.begin(), answers.claims.end(),
                  [](const auto& claim) { return is_trained(claim.first.first); }))
    return {};
  const Question asked{question.host, question.tool, question.settings, question.bind,
                       turned,        task,          question.seed,     question.training};
  const ToolAnswers others = ask(asked, kPrompts, gap);
  NumberOfClaim changes;
  for (const auto& [key, claimed] : answers.claims) {
    // Directions are other numbers in another basis, and a training takes another course there.
    if (is_trained(key.first)) continue;
    const auto other = others.claims.find(key);
    if (other == others.claims.end()) continue;
    double change = 0;
    for (std::size_t i = 0; i < std::min(kPrompts, claimed.prompts.size()); ++i)
      change = std::max(
          change, largest_change(claimed.prompts[i], named_back(other->second.prompts[i], heads)));
    changes[key] = change / unit_of(key.first, claimed, gap);
  }
  return changes;
}

}  // namespace lensbench::grading

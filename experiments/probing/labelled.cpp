#include "labelled.hpp"

#include <algorithm>
#include <charconv>
#include <lensbench/error.hpp>
#include <lensbench/metric.hpp>
#include <map>
#include <optional>
#include <set>

#include "common/group_folds.hpp"

namespace probing_experiment {
namespace {

using namespace lensbench;

std::optional<std::string> field_of(const CaseInput& input, const char* name) {
  const auto found = input.fields.find(name);
  return found == input.fields.end() ? std::nullopt : std::optional(found->second);
}

std::optional<std::int64_t> whole_number(const std::string& text) {
  std::int64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, fault] = std::from_chars(text.data(), end, number);
  if (fault != std::errc() || stop != end) return std::nullopt;
  return number;
}

[[noreturn]] void refuse(const CaseInput& input, const std::string& problem) {
  throw InputError("probing: case '" + input.id + "': " + problem);
}

std::string label_of(const CaseInput& input) {
  const auto label = field_of(input, "label");
  if (!label)
    refuse(input, "the field 'label' is missing; write \"label\": and the name of its label");
  if (label->find_first_not_of(" \t\r\n") == std::string::npos)
    refuse(input, "the field 'label' is empty; give a name");
  return *label;
}

bool is_word(const std::string& position) {
  return position == "last" || position == "first" || position == "mean" || position == "marker";
}

}  // namespace

ProbeExample example_of(const Model& model, const CaseInput& input) {
  ProbeExample example;
  example.tokens =
      input.ids.empty() ? to_tokens(model, input.text) : tokens_from_ids(model, input.ids);
  example.label = label_of(input);
  example.group = group_of(input);
  example.pair = field_of(input, "pair").value_or("");
  if (const auto position = field_of(input, "position")) {
    example.position = whole_number(*position);
    if (!example.position)
      refuse(input, "the field 'position' is '" + *position + "'; give the position of a token");
  }
  return example;
}

std::int64_t position_of(const ProbeExample& example, const std::string& position) {
  if (position == "mean") return -1;
  std::int64_t index = -1;
  if (position == "first") index = 0;
  if (position == "marker") {
    if (!example.position)
      throw UsageError(
          "probing: position is 'marker', but a case lacks the field 'position'; give it to every "
          "case");
    index = *example.position;
  }
  if (!is_word(position)) index = *whole_number(position);
  return resolve_position("probing", index, example.tokens.size());
}

void check_position(const std::string& position) {
  if (!is_word(position) && !whole_number(position))
    throw UsageError("probing: position is '" + position +
                     "'; expected last, first, mean, marker, or an index");
}

std::string group_of(const CaseInput& input) {
  for (const char* name : {"group", "pair"})
    if (const auto found = field_of(input, name)) return *found;
  if (!input.text.empty()) return input.text;
  std::string ids;
  for (const std::int64_t id : input.ids) ids += std::to_string(id) + " ";
  return ids;
}

std::vector<std::int64_t> fitting_cases(const Summary& summary) {
  const auto& numbers = summary.cases();
  std::set<std::string> names;
  for (const std::int64_t number : numbers) names.insert(label_of(summary.input(number)));
  std::vector<int> labels;
  std::vector<std::string> groups;
  for (const std::int64_t number : numbers) {
    const auto place = names.find(label_of(summary.input(number)));
    labels.push_back(static_cast<int>(std::distance(names.begin(), place)));
    groups.push_back(group_of(summary.input(number)));
  }
  const auto half = common::folds_of(labels, groups, 2);
  std::vector<std::int64_t> fitting;
  for (std::size_t i = 0; i < numbers.size(); ++i)
    if (half[i] == 0) fitting.push_back(numbers[i]);
  return fitting;
}

std::vector<std::int64_t> all_but(const std::vector<std::int64_t>& numbers,
                                  const std::vector<std::int64_t>& some) {
  std::vector<std::int64_t> others;
  for (const std::int64_t number : numbers)
    if (std::find(some.begin(), some.end(), number) == some.end()) others.push_back(number);
  return others;
}

std::vector<std::int64_t> some_of_each_label(const Summary& summary,
                                             const std::vector<std::int64_t>& numbers,
                                             std::int64_t most) {
  std::map<std::string, std::vector<std::int64_t>> by_label;
  for (const std::int64_t number : numbers)
    by_label[label_of(summary.input(number))].push_back(number);
  std::vector<std::int64_t> chosen;
  for (std::size_t round = 0; round < numbers.size(); ++round)
    for (const auto& [label, cases] : by_label)
      if (round < cases.size() && std::ssize(chosen) < most) chosen.push_back(cases[round]);
  std::sort(chosen.begin(), chosen.end());
  return chosen;
}

}  // namespace probing_experiment

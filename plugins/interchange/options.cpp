#include "options.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <lensbench/error.hpp>
#include <set>
#include <string>
#include <vector>

namespace lensbench::interchange {
namespace {

const std::vector<std::string> kBases = {"mean_difference", "probe", "neurons",
                                         "principal",       "das",   "random"};
const std::vector<std::string> kControls = {"placebo", "random_basis", "arbitrary_labels",
                                            "random_weights"};

constexpr std::int64_t kMostSteps = 1'000'000;

bool contains(const std::vector<std::string>& list, const std::string& name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

/// Checks that a list has known names, each once, and at least one.
void check_names(const std::string& option, const std::vector<std::string>& given,
                 const std::vector<std::string>& known) {
  if (given.empty())
    throw UsageError("interchange: " + option + " is empty; give at least one of " + joined(known));
  std::set<std::string> found;
  for (const std::string& name : given) {
    if (!contains(known, name))
      throw UsageError("interchange: " + option + " has '" + name + "'; expected " + joined(known));
    if (!found.insert(name).second)
      throw UsageError("interchange: " + option + " has '" + name + "' twice; give it once");
  }
}

/// A value that a basis needs, and that nothing else uses.
void check_use(const InterchangeOptions& options, const std::string& basis, bool given) {
  if (has_basis(options, basis) == given) return;
  throw UsageError("interchange: " + basis +
                   (given ? " is set, but basis does not have it"
                          : " is missing, which basis=" + basis + " reads") +
                   "; give both, or none");
}

void check_numbers(const InterchangeOptions& options) {
  if (options.rank < 1 || options.steps < 1)
    throw UsageError("interchange: rank is " + std::to_string(options.rank) + " and steps " +
                     std::to_string(options.steps) + "; expected at least 1 of each");
  if (!(options.learning_rate > 0) || !std::isfinite(options.learning_rate))
    throw UsageError("interchange: learning_rate is " + std::to_string(options.learning_rate) +
                     "; expected above 0");
  if (options.steps > kMostSteps)
    throw UsageError("interchange: steps is " + std::to_string(options.steps) +
                     "; expected at most " + std::to_string(kMostSteps));
  if (!std::isfinite(options.strength) || options.strength == 0)
    throw UsageError("interchange: strength is " + std::to_string(options.strength) +
                     "; expected a finite number other than 0, which changes nothing");
  if (options.position.empty())
    throw UsageError("interchange: position is empty; give at least one");
  const std::set<std::int64_t> positions(options.position.begin(), options.position.end());
  if (positions.size() != options.position.size())
    throw UsageError("interchange: a position is given twice; give each once");
}

std::vector<std::string> texts_of(const std::vector<std::int64_t>& numbers) {
  std::vector<std::string> texts;
  texts.reserve(numbers.size());
  for (const std::int64_t number : numbers) texts.push_back(std::to_string(number));
  return texts;
}

}  // namespace

bool has_basis(const InterchangeOptions& options, const std::string& name) {
  return contains(options.basis, name);
}

bool has_control(const InterchangeOptions& options, const std::string& name) {
  return contains(options.controls, name);
}

InterchangeOptions options_of(const Parameters& parameters) {
  InterchangeOptions options;
  options.basis = parameters.list("basis");
  options.rank = parameters.integer("rank");
  options.hook = parameters.list("hook");
  options.layers = parameters.integers("layers");
  options.position = parameters.integers("position");
  options.probe = parameters.text("probe");
  options.neurons = parameters.integers("neurons");
  options.strength = parameters.number("strength");
  options.steps = parameters.integer("steps");
  options.learning_rate = parameters.number("learning_rate");
  options.controls = parameters.list("controls");
  return options;
}

void check_options(const InterchangeOptions& options) {
  check_names("basis", options.basis, kBases);
  check_names("controls", options.controls, kControls);
  check_numbers(options);
  check_use(options, "probe", !options.probe.empty());
  check_use(options, "neurons", !options.neurons.empty());
  // A training finds a subspace for labels that mean nothing, too.
  if (has_basis(options, "das") && !has_control(options, "arbitrary_labels"))
    throw UsageError(
        "interchange: basis=das fits arbitrary labels as well, and controls does not have "
        "arbitrary_labels; add it");
}

void add_options(Dataset& dataset, const InterchangeOptions& options) {
  auto& attributes = dataset.attributes;
  attributes["basis"] = options.basis;
  attributes["rank"] = options.rank;
  attributes["hook"] = options.hook;
  attributes["layers"] = texts_of(options.layers);
  attributes["position"] = texts_of(options.position);
  attributes["neurons"] = texts_of(options.neurons);
  attributes["strength"] = options.strength;
  attributes["steps"] = options.steps;
  attributes["learning_rate"] = options.learning_rate;
  attributes["controls"] = options.controls;
}

}  // namespace lensbench::interchange

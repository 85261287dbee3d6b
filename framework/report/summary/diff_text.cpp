#include "report/summary/diff_text.hpp"

#include <cmath>
#include <sstream>

namespace lensbench {
namespace {

using nlohmann::json;

/// Facts of the request or of the environment, of which `where` is a path such as `model.dtype`. An
/// empty side means that this archive lacks the fact.
void write_facts(std::ostream& out, const std::string& title,
                 const std::vector<FactDifference>& facts) {
  constexpr std::size_t kMost = 20;
  out << title << (facts.empty() ? "equal\n" : "") << (facts.empty() ? "" : "differs\n");
  for (std::size_t i = 0; i < facts.size() && i < kMost; ++i)
    out << "  " << facts[i].where << ": " << (facts[i].first.empty() ? "none" : facts[i].first)
        << " -> " << (facts[i].second.empty() ? "none" : facts[i].second) << "\n";
  if (facts.size() > kMost) out << "  and " << facts.size() - kMost << " more\n";
}

/// Line of a variable that differs: how well it agrees, how many values differ and by how much, and
/// the first difference with its coordinates, which says where to look.
void write_variable(std::ostream& out, const std::string& dataset,
                    const VariableDifference& variable) {
  out << "  " << dataset << "/" << variable.name << ": " << to_string(variable.agreement);
  if (!variable.reason.empty()) out << " (" << variable.reason << ")";
  if (variable.differing > 0) {
    out << ", " << variable.differing << " of " << variable.elements << " differ";
    // Texts and masks can differ without a distance.
    if (variable.max_absolute > 0)
      out << ", by at most " << variable.max_absolute << " (relative " << variable.max_relative
          << ")";
    // The tolerance of integers and texts is 0, which would say nothing.
    if (variable.tolerance > 0) out << ", tolerance " << variable.tolerance;
    if (variable.rank_agreement) out << ", rank correlation " << *variable.rank_agreement;
    out << "\n    first at " << (variable.first.empty() ? "its only value" : variable.first) << ": "
        << variable.first_a << " -> " << variable.first_b;
  }
  out << "\n";
}

std::string list_of(const std::vector<std::string>& labels) {
  constexpr std::size_t kMost = 8;
  std::string text;
  for (std::size_t i = 0; i < labels.size() && i < kMost; ++i)
    text += (i == 0 ? "" : ", ") + labels[i];
  if (labels.size() > kMost) text += " and " + std::to_string(labels.size() - kMost) + " more";
  return text;
}

/// Archives with different axes are compared on the labels that both have; this line says what was
/// left out, so that agreement on a part is not read as agreement of everything.
void write_axis(std::ostream& out, const std::string& dataset, const AxisDifference& axis) {
  out << "  " << dataset << " axis " << axis.dim << ": " << axis.common
      << (axis.common == 1 ? " label is" : " labels are") << " in both and compared";
  if (!axis.only_first.empty()) out << "; only in the first: " << list_of(axis.only_first);
  if (!axis.only_second.empty()) out << "; only in the second: " << list_of(axis.only_second);
  if (axis.reordered) out << "; their order differs";
  out << "\n";
}

/// A difference from NaN or from an infinity counts as infinite; JSON needs a text for it.
json number(double value) {
  return std::isfinite(value) ? json(value) : json("infinite");
}

json facts_json(const std::vector<FactDifference>& facts) {
  json list = json::array();
  for (const FactDifference& fact : facts)
    list.push_back({{"where", fact.where}, {"first", fact.first}, {"second", fact.second}});
  return list;
}

json axes_json(const std::vector<AxisDifference>& axes) {
  json all = json::object();
  for (const AxisDifference& axis : axes)
    all[axis.dim] = {{"common", axis.common},
                     {"only_first", axis.only_first},
                     {"only_second", axis.only_second},
                     {"reordered", axis.reordered}};
  return all;
}

json variable_json(const VariableDifference& variable) {
  json out{{"agreement", to_string(variable.agreement)},
           {"elements", variable.elements},
           {"differing", variable.differing},
           {"max_absolute", number(variable.max_absolute)},
           {"max_relative", number(variable.max_relative)},
           {"tolerance", variable.tolerance}};
  if (!variable.reason.empty()) out["reason"] = variable.reason;
  if (variable.rank_agreement) out["rank_agreement"] = *variable.rank_agreement;
  if (variable.differing > 0)
    out["first"] = {
        {"where", variable.first}, {"first", variable.first_a}, {"second", variable.first_b}};
  return out;
}

}  // namespace

std::string describe(const ArchiveDifference& difference) {
  std::ostringstream out;
  // Distances need an order of magnitude, not digits.
  out.precision(3);
  // The causes come first: a different recipe explains different results.
  write_facts(out, "recipe       ", difference.recipe);
  write_facts(out, "environment  ", difference.environment);
  out << "results      " << to_string(difference.results()) << "\n";
  // A case with another outcome explains why its values are missing on one side.
  for (const FactDifference& fact : difference.outcomes)
    out << "  case " << fact.where << ": " << (fact.first.empty() ? "none" : fact.first) << " -> "
        << (fact.second.empty() ? "none" : fact.second) << "\n";
  std::size_t identical = 0;
  for (const DatasetDifference& dataset : difference.datasets) {
    // Later tokens of a case depend on earlier ones, so that the first difference is the one to
    // explain.
    if (!dataset.first_token.empty())
      out << "  " << dataset.name << " differs first in case '" << dataset.first_case << "', "
          << dataset.first_token << "\n";
    for (const AxisDifference& axis : dataset.axes) write_axis(out, dataset.name, axis);
    for (const FactDifference& fact : dataset.attributes)
      out << "  " << dataset.name << " attribute " << fact.where << ": " << fact.first << " -> "
          << fact.second << "\n";
    for (const VariableDifference& variable : dataset.variables)
      if (variable.agreement == Agreement::identical)
        ++identical;
      else
        write_variable(out, dataset.name, variable);
  }
  out << "  " << identical << " variables are identical in every bit\n";
  return out.str();
}

nlohmann::json to_json(const ArchiveDifference& difference) {
  json datasets = json::object();
  for (const DatasetDifference& dataset : difference.datasets) {
    json variables = json::object();
    for (const VariableDifference& variable : dataset.variables)
      variables[variable.name] = variable_json(variable);
    datasets[dataset.name] = {{"attributes", facts_json(dataset.attributes)},
                              {"variables", variables}};
    if (!dataset.axes.empty()) datasets[dataset.name]["axes"] = axes_json(dataset.axes);
    if (!dataset.first_token.empty())
      datasets[dataset.name]["first_token"] = {{"case", dataset.first_case},
                                               {"where", dataset.first_token}};
  }
  return {{"recipe", facts_json(difference.recipe)},
          {"environment", facts_json(difference.environment)},
          {"outcomes", facts_json(difference.outcomes)},
          {"results", to_string(difference.results())},
          {"datasets", datasets}};
}

}  // namespace lensbench

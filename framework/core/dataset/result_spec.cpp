#include <fnmatch.h>

#include <array>
#include <lensbench/result_spec.hpp>
#include <set>

#include "core/text/suggest.hpp"

// Declared results of tools. Every saved dataset is compared with the declaration, so that
// documents and readers can rely on it.

namespace lensbench {
namespace {

// In the order of the enumeration View; the names are stored in archives.
constexpr std::array<const char*, 12> kViews = {"general", "heatmap",    "trajectory", "bars",
                                                "tokens",  "generation", "attention",  "patching",
                                                "image",   "graph",      "statistics", "table"};

/// Names in declarations may be globs, for variables whose number depends on the model.
bool matches(const std::string& glob, const std::string& name) {
  return fnmatch(glob.c_str(), name.c_str(), FNM_NOESCAPE) == 0;
}

std::string spelled(const std::vector<std::string>& dims) {
  return dims.empty() ? "no dimension" : "[" + join(dims, ", ") + "]";
}

/// The entry of a variable: of those with its name, one with its dimensions, else the first.
const ResultInfo* entry_of(const std::vector<ResultInfo>& schema, const Variable& variable) {
  const ResultInfo* named = nullptr;
  for (const auto& entry : schema) {
    if (entry.describes(variable)) return &entry;
    if (named == nullptr && matches(entry.name, variable.name)) named = &entry;
  }
  return named;
}

std::string names_of(const std::vector<ResultInfo>& schema) {
  std::vector<std::string> names;
  for (const auto& entry : schema) names.push_back(entry.name);
  return join(names, ", ");
}

/// Whether a unit is that of the schema, or one of its alternatives: `nats or 1`.
bool has_unit(std::string_view declared, std::string_view found) {
  constexpr std::string_view kOr = " or ";
  for (auto at = declared.find(kOr); at != std::string_view::npos; at = declared.find(kOr)) {
    if (declared.substr(0, at) == found) return true;
    declared.remove_prefix(at + kOr.size());
  }
  return declared == found;
}

/// First contradiction between a variable and the declaration; empty without one.
std::string variable_problem(const std::vector<ResultInfo>& schema, const Variable& variable) {
  const ResultInfo* entry = entry_of(schema, variable);
  const std::string subject = "variable '" + variable.name + "' ";
  if (entry == nullptr)
    return subject + "is not in the tool's table of results (" + names_of(schema) +
           "); add it to kResults";
  if (!entry->describes(variable))
    return subject + "has " + spelled(variable.dims) + ", declared are the dimensions '" +
           entry->dims + "'; change the result or kResults";
  if (!has_unit(entry->units, variable.units))
    return subject + "has units '" + variable.units + "', declared are '" + entry->units +
           "'; change the result or kResults";
  return "";
}

}  // namespace

/// A value of a later version is shown as `general`, which every variable can be.
const char* to_string(View view) {
  const auto index = static_cast<std::size_t>(view);
  return index < kViews.size() ? kViews[index] : kViews[0];
}

std::optional<View> view_of(std::string_view name) {
  for (std::size_t i = 0; i < kViews.size(); ++i)
    if (name == kViews[i]) return static_cast<View>(i);
  return std::nullopt;
}

ResultInfo::ResultInfo(const ResultSpec& spec)
    : name(spec.name),
      dims(spec.dims),
      units(spec.units),
      meaning(spec.meaning),
      view(spec.view),
      always(spec.always) {}

bool ResultInfo::describes(const Variable& variable) const {
  return matches(name, variable.name) && (dims == "*" || dims == join(variable.dims, " "));
}

/// Coordinates are not declared: they belong to axes and not to tools.
std::string schema_problem(const std::vector<ResultInfo>& schema, const Dataset& dataset) {
  std::set<const ResultInfo*> found;
  for (const auto& variable : dataset.variables()) {
    if (variable.coordinate) continue;
    if (auto problem = variable_problem(schema, variable); !problem.empty()) return problem;
    found.insert(entry_of(schema, variable));
  }
  // The other direction: what is declared as always there must be there.
  for (const auto& entry : schema)
    if (entry.always && !found.contains(&entry))
      return "variable '" + entry.name +
             "' is missing, but declared as always there; add it, or declare it with always = "
             "false";
  return "";
}

}  // namespace lensbench

#include "bench/results/result_views.hpp"

#include <algorithm>
#include <optional>
#include <string>

namespace lensbench {
namespace {

constexpr const char* kView = "view";

/// The first entry that describes the variable decides, so specific patterns come first in a
/// schema.
std::optional<View> view_in(const Schema& schema, const Variable& variable) {
  for (const auto& entry : schema)
    if (entry.describes(variable)) return entry.view;
  return std::nullopt;
}

/// Coordinates need no entry: their view is always the general one.
bool declares_all(const Schema& schema, const Dataset& dataset) {
  const auto& variables = dataset.variables();
  return std::all_of(variables.begin(), variables.end(), [&](const Variable& variable) {
    return variable.coordinate || view_in(schema, variable).has_value();
  });
}

View view_of_variable(const Variable& variable, const Schema* own,
                      const std::vector<Schema>& schemas) {
  if (variable.coordinate) return View::general;
  if (own != nullptr) return *view_in(*own, variable);
  for (const auto& schema : schemas)
    if (const auto view = view_in(schema, variable)) return *view;
  return View::general;
}

}  // namespace

/// A dataset that one tool declares completely is most likely its own result, even if another tool
/// has a variable of the same name.
void add_views(Dataset& dataset, const std::vector<Schema>& schemas) {
  const Schema* own = nullptr;
  for (const auto& schema : schemas)
    if (own == nullptr && !schema.empty() && declares_all(schema, dataset)) own = &schema;
  std::vector<std::pair<std::string, View>> views;
  for (const auto& variable : dataset.variables())
    // A view that the experiment has set itself is kept.
    if (!variable.attributes.contains(kView))
      views.emplace_back(variable.name, view_of_variable(variable, own, schemas));
  for (const auto& [name, view] : views)
    dataset.set_attribute(name, kView, std::string(to_string(view)));
}

}  // namespace lensbench

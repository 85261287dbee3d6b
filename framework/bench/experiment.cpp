#include <algorithm>
#include <lensbench/error.hpp>
#include <lensbench/experiment.hpp>

#include "bench/access/slot_access.hpp"

namespace lensbench {
namespace {

/// Values of the parameters that have the name and the type of one of the tool's own; empty if
/// there are none, or if a parameter that must be set is not among them.
Settings shared_values(const Tool& tool, const Parameters& parameters) {
  Settings shared;
  for (const ParameterInfo& own : tool.declared_parameters()) {
    const auto& declared = parameters.declared();
    const bool is_shared =
        std::any_of(declared.begin(), declared.end(), [&](const ParameterInfo& parameter) {
          return parameter.name == own.name && parameter.type == own.type;
        });
    if (is_shared)
      shared[own.name] = parameters.values().at(own.name);
    else if (own.required)
      return {};
  }
  return shared;
}

}  // namespace

Experiment::~Experiment() = default;

void Experiment::finish(Summary&) {}

/// The defaults of an experiment: one pass, no summary, no partial statistics.
std::int64_t Experiment::passes(const Parameters&) const {
  return 1;
}

void Experiment::check_parameters(const Parameters& parameters, const Model&) {
  for (const ToolSlot* slot : slots_) {
    const Tool* tool = SlotAccess::bound_tool(*slot);
    if (tool == nullptr) continue;
    const Settings shared = shared_values(*tool, parameters);
    if (!shared.empty()) tool->check_parameters(tool->parameters(shared));
  }
}

std::optional<Dataset> Experiment::partial(const Summary&) const {
  return std::nullopt;
}

/// Partial statistics without a way to combine them would silently lose cases.
Dataset Experiment::combine(const Dataset&, const Dataset&) const {
  throw RunError(
      "experiment: it declares partial statistics, but does not combine them; override "
      "Experiment::combine");
}

}  // namespace lensbench

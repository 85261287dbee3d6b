#pragma once

#include <lensbench/hooks.hpp>
#include <lensbench/intervention.hpp>
#include <lensbench/model.hpp>
#include <variant>
#include <vector>

#include "model/intervention/actions.hpp"

namespace lensbench {

/// An intervention on a model, with its hook points and the activations of other sequences.
struct Prepared {
  Intervention intervention;
  std::vector<HookPoint> points;
  ActionSources sources;

  bool freezes() const { return std::holds_alternative<Freeze>(intervention.action); }
};

/// Checks interventions and computes what they need. Other cases are run once here, on the model as
/// it is before these interventions. \throws UsageError
std::vector<Prepared> prepare(const Model& model, std::vector<Intervention> interventions);

}  // namespace lensbench

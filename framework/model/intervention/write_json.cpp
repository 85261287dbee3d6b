#include <cmath>
#include <lensbench/error.hpp>
#include <lensbench/intervention.hpp>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/text/json.hpp"
#include "model/intervention/part_names.hpp"

namespace lensbench {
namespace {

using nlohmann::json;

/// JSON lacks infinities; they are texts here, since scores may be set to minus infinity.
json number_json(double value) {
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  if (std::isnan(value))
    throw UsageError("intervention: the value holds NaN, which JSON cannot express");
  return value;
}

/// Nested lists, as `tolist` of NumPy gives them; a scalar is a plain number.
json tensor_json(const at::Tensor& value) {
  if (!value.defined()) throw UsageError("intervention: the action lacks its value");
  if (value.dim() == 0) return number_json(value.item<double>());
  json list = json::array();
  for (std::int64_t i = 0; i < value.size(0); ++i) list.push_back(tensor_json(value[i]));
  return list;
}

/// Another sequence, as ids or as text; ids have priority, since they do not depend on a tokenizer.
json case_json(const OtherCase& other) {
  if (!other.ids.empty()) return {{"ids", other.ids}};
  return {{"text", other.text}};
}

/// Writes the action and its fields; `Fields` of read_json.cpp reads the same names.
struct WriteAction {
  json& to;
  void operator()(const SetValue& action) const {
    to["action"] = "set";
    to["value"] = tensor_json(action.value);
  }
  void operator()(const AddValue& action) const {
    to["action"] = "add";
    to["value"] = tensor_json(action.value);
    to["coefficient"] = number_json(action.coefficient);
  }
  void operator()(const ScaleBy& action) const {
    to["action"] = "scale";
    to["factor"] = number_json(action.factor);
  }
  void operator()(const SetZero&) const { to["action"] = "zero"; }
  void operator()(const SetMean& action) const {
    to["action"] = "mean";
    to["of"] = json::array();
    for (const OtherCase& other : action.of) to["of"].push_back(case_json(other));
  }
  void operator()(const Resample& action) const {
    to["action"] = "resample";
    // A range has `from` as a number.
    to[to.contains("from") ? "of" : "from"] = case_json(action.from);
    if (!action.positions.empty()) to["from_positions"] = action.positions;
  }
  void operator()(const AddNoise& action) const {
    to["action"] = "noise";
    to["standard_deviation"] = number_json(action.standard_deviation);
    if (action.seeds.empty())
      to["seed"] = action.seed;
    else
      to["seeds"] = action.seeds;
  }
  void operator()(const Freeze&) const { to["action"] = "freeze"; }
  void operator()(const ProjectOut& action) const {
    to["action"] = "project_out";
    to["direction"] = tensor_json(action.direction);
  }
  void operator()(const SetAlong& action) const {
    to["action"] = "set_along";
    to["direction"] = tensor_json(action.direction);
    to["component"] = number_json(action.component);
  }
};

json site_json(const InterventionSite& at) {
  json one = {{"hook", at.hook}};
  // An empty selection means all and is left out, as the reader expects.
  const auto indices = [&](const char* name, const std::vector<std::int64_t>& values) {
    if (!values.empty()) one[name] = values;
  };
  indices("layers", at.layers);
  indices("heads", at.heads);
  indices("positions", at.positions);
  indices("keys", at.keys);
  indices("neurons", at.neurons);
  if (at.from) one["from"] = *at.from;
  if (at.until) one["until"] = *at.until;
  for (const auto& [part, name] : kPartNames)
    if (at.where == part && part != SequencePart::all) one["where"] = name;
  return one;
}

}  // namespace

std::string interventions_to_json(const std::vector<Intervention>& interventions) {
  json list = json::array();
  for (const Intervention& intervention : interventions) {
    json one = site_json(intervention.at);
    std::visit(WriteAction{one}, intervention.action);
    list.push_back(std::move(one));
  }
  // Canonical JSON: equal interventions give equal text, whose digest the archive keeps.
  return canonical_json(list);
}

}  // namespace lensbench

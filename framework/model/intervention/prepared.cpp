#include "model/intervention/prepared.hpp"

#include <ATen/ops/cat.h>

#include <algorithm>
#include <lensbench/error.hpp>
#include <map>
#include <utility>

#include "model/hooks/read_activations.hpp"
#include "model/intervention/site_check.hpp"

namespace lensbench {
namespace {

/// Points of a site. \throws UsageError for a layer in which the hook lacks a point, since an
/// intervention that changes less than it says would be a wrong result
std::vector<HookPoint> points_of(const TransformerSpec& spec, const InterventionSite& site) {
  std::vector<HookPoint> points = match_hook_points(spec, site.hook);
  if (site.layers.empty()) return points;
  for (const std::int64_t layer : site.layers)
    if (std::none_of(points.begin(), points.end(),
                     [&](const HookPoint& point) { return point.layer == layer; }))
      throw UsageError("intervention at '" + site.hook + "': the hook lacks a point in layer " +
                       std::to_string(layer) + "; the model has layers 0 to " +
                       std::to_string(spec.n_layers - 1));
  std::erase_if(points, [&](const HookPoint& point) {
    return std::find(site.layers.begin(), site.layers.end(), point.layer) == site.layers.end();
  });
  return points;
}

Tokens tokens_of(const Model& model, const OtherCase& other) {
  return other.ids.empty() ? to_tokens(model, other.text) : tokens_from_ids(model, other.ids);
}

std::map<std::string, at::Tensor> run_other(const Model& model, const OtherCase& other,
                                            const std::vector<HookPoint>& points) {
  std::vector<std::string> names;
  names.reserve(points.size());
  for (const HookPoint& point : points) names.push_back(point.name);
  return read_activations(model, make_batch(tokens_of(model, other)), names);
}

/// Means over all positions of all cases, each position with the same weight, summed in float64.
void take_means(const Model& model, const SetMean& action, Prepared& prepared) {
  std::map<std::string, std::vector<at::Tensor>> rows;
  for (const OtherCase& other : action.of)
    for (const auto& [name, activation] : run_other(model, other, prepared.points))
      rows[name].push_back(activation[0]);
  for (const auto& [name, all] : rows)
    prepared.sources.means[name] = at::cat(all).to(at::kDouble).mean(0).to(at::kFloat);
}

}  // namespace

std::vector<Prepared> prepare(const Model& model, std::vector<Intervention> interventions) {
  std::vector<Prepared> all;
  for (Intervention& intervention : interventions) {
    check_range(intervention.at);
    Prepared prepared;
    prepared.points = points_of(model.spec(), intervention.at);
    for (const HookPoint& point : prepared.points) check_site(model.spec(), intervention, point);
    if (const auto* mean = std::get_if<SetMean>(&intervention.action))
      take_means(model, *mean, prepared);
    if (const auto* resample = std::get_if<Resample>(&intervention.action))
      prepared.sources.others = run_other(model, resample->from, prepared.points);
    prepared.intervention = std::move(intervention);
    all.push_back(std::move(prepared));
  }
  return all;
}

}  // namespace lensbench

#include "activations.hpp"

#include <algorithm>
#include <lensbench/error.hpp>
#include <lensbench/metric.hpp>
#include <utility>

#include "common/chosen_points.hpp"
#include "layout.hpp"
#include "tower.hpp"

namespace lensbench::activations {
namespace {

/// Coordinates of the token axis; a last position keeps its index in the prompt.
void add_tokens(Dataset& dataset, const Tokens& tokens, ActivationPositions positions) {
  if (positions == ActivationPositions::all)
    return add_token_axis(dataset, tokens.ids, tokens.texts);
  add_token_axis(dataset, {tokens.ids.back()}, {tokens.texts.back()}, tokens.size() - 1);
}

}  // namespace

/// Whether a point of a vision tower has rows depends on the prompt; the names do not.
void ActivationsTool::check_parameters(const Parameters& parameters) const {
  tracing::chosen_points("activations", model().spec(), parameters.list("hooks"));
}

Dataset ActivationsTool::run(const Request& request) {
  const Parameters& parameters = request.parameters();
  ActivationsOptions options;
  options.hooks = parameters.list("hooks");
  options.store =
      parameters.text("store") == "float16" ? ActivationStore::float16 : ActivationStore::float32;
  options.positions =
      parameters.text("positions") == "last" ? ActivationPositions::last : ActivationPositions::all;
  return read(request.tokens(), options);
}

Dataset ActivationsTool::read(const Tokens& tokens, const ActivationsOptions& options) {
  if (tokens.ids.empty())
    throw UsageError("activations: the prompt is empty; give at least one token");
  std::vector<HookPoint> points =
      tracing::chosen_points("activations", model().spec(), options.hooks);
  check_tower_points(points, tokens);
  // An expert's point needs the experts that the tokens chose, to give its rows their tokens.
  std::vector<std::string> names;
  for (const HookPoint& point : points) {
    names.push_back(point.name);
    if (auto routing = routing_of(point)) names.push_back(std::move(*routing));
  }
  // One forward for all points, which the other requests of the case share.
  const auto activations = context().activations(tokens, names);
  Dataset dataset;
  add_tokens(dataset, tokens, options.positions);
  for (const HookPoint& point : points) {
    const auto routing = routing_of(point);
    const at::Tensor& found = activations.at(point.name);
    const bool tower = is_of_tower(point);
    Layout layout = lay_out(
        point, tower ? in_picture_order(*model().spec().vision, tokens, point, found) : found,
        routing ? activations.at(*routing) : at::Tensor(), options.positions);
    dataset.add(point.name, std::move(layout.dims), stored_as(options.store, point, layout.values),
                "1", meaning(point));
  }
  if (model().spec().vision) add_picture_axes(dataset, *model().spec().vision, tokens);
  add_missing_coordinates(dataset, tokens.size(), options.positions);
  Provenance{.definition = "activations/1"}.describe(dataset);
  dataset.attributes["base_run"] = "prompt";
  dataset.attributes["source_run"] = "none";
  dataset.attributes["sign"] = "none";
  dataset.attributes["hooks"] = options.hooks;
  dataset.attributes["store"] = options.store == ActivationStore::float16 ? "float16" : "float32";
  dataset.attributes["positions"] = options.positions == ActivationPositions::last ? "last" : "all";
  dataset.attributes["bos_added"] = static_cast<std::int64_t>(tokens.bos_added);
  return dataset;
}

}  // namespace lensbench::activations

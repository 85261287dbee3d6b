#include "steered.hpp"

#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>
#include <ATen/ops/scalar_tensor.h>

#include <algorithm>
#include <lensbench/statistics.hpp>
#include <limits>
#include <string>
#include <utility>

#include "common/results.hpp"

namespace probing_experiment {
namespace {

using namespace lensbench;

constexpr const char* kNotSteered = " (NaN: the case was not steered)";
/// Window of the neutral text of the tool, whose cost this experiment does not report.
constexpr std::int64_t kNeutralWindow = 16;

/// Numbers of one case by steering.
struct Effects {
  double base, moved, removed;
  at::Tensor random_moved, random_removed;  ///< [draw]
};

void add(Dataset& result, const Effects& effects, const std::string& units) {
  const auto scalar = [&](const char* name, double value, const std::string& long_name) {
    result.add(name, {}, at::scalar_tensor(value, at::kDouble), units, long_name + kNotSteered);
  };
  result.add_coordinate("draw", at::arange(effects.random_moved.size(0), at::kInt),
                        "random direction");
  scalar("base_metric", effects.base, "metric of the unchanged run");
  scalar("moved_effect", effects.moved,
         "change of the metric where the stream moved to the other label along the direction");
  scalar("removed_effect", effects.removed,
         "change of the metric where the stream lost the direction");
  result.add("random_moved_effect", {"draw"}, effects.random_moved, units,
             std::string("moved_effect along a random direction of equal length") + kNotSteered);
  result.add("random_removed_effect", {"draw"}, effects.random_removed, units,
             std::string("removed_effect of a random direction") + kNotSteered);
}

}  // namespace

bool has_target(const Case& c) {
  return c.field("target").has_value() || !c.parameters().text("target").empty();
}

MetricOptions question_of(const Case& c) {
  MetricOptions metric;
  const std::string versus = c.field("versus").value_or(c.parameters().text("versus"));
  if (!versus.empty() && versus != "none") metric.versus = parse_target(c.model(), versus);
  return metric;
}

SteeringOptions steering_options(const Case& c, std::int64_t layer, std::int64_t position) {
  SteeringOptions options;
  options.metric = question_of(c);
  options.layers = {layer};
  options.relative = false;
  if (position >= 0) options.positions = {position};
  options.controls = c.parameters().integer("random_directions");
  options.neutral = "generated:1";
  options.window = std::min(kNeutralWindow, position_limit(c.model().spec()));
  options.windows = 1;
  return options;
}

SteeringOptions moving(SteeringOptions options) {
  options.mode = SteeringMode::add;
  options.alphas = {-1, 0, 1};
  return options;
}

SteeringOptions removing(SteeringOptions options) {
  options.mode = SteeringMode::project;
  options.alphas = {};
  return options;
}

void add_effects(Dataset& result, const Dataset& moved, const Dataset& removed, bool second) {
  // Along the direction are the strengths -1, 0 and 1; without it 0 (unchanged) and 1.
  const std::int64_t strength = second ? 0 : 2;
  const auto effect = [](const Dataset& dataset, std::int64_t alpha) {
    return dataset["effect"].tensor[0][alpha].item<double>();
  };
  const auto random = [](const Dataset& dataset, std::int64_t alpha) {
    return dataset["control_effect"].tensor[0][alpha].to(at::kDouble).clone();
  };
  add(result,
      {moved["base_metric"].tensor.item<double>(), effect(moved, strength), effect(removed, 1),
       random(moved, strength), random(removed, 1)},
      moved["base_metric"].units);
  for (const Dataset* one : {&moved, &removed}) common::keep_worst(result, one->receipts);
}

void add_no_effects(Dataset& result, std::int64_t draws, const std::string& units) {
  const double missing = std::numeric_limits<double>::quiet_NaN();
  const auto none = [&] { return at::full({draws}, missing, at::kDouble); };
  add(result, {missing, missing, missing, none(), none()}, units);
}

MeasuredCase measured_case(const Dataset& saved) {
  const auto number = [&](const char* name) { return saved[name].tensor.item<double>(); };
  const auto label = saved["label"].tensor.item<std::int64_t>();
  return {label == 1,
          label == saved["predicted"].tensor.item<std::int64_t>(),
          number("base_metric"),
          number("moved_effect"),
          number("removed_effect"),
          statistics::values_of(saved["random_moved_effect"].tensor),
          statistics::values_of(saved["random_removed_effect"].tensor)};
}

}  // namespace probing_experiment

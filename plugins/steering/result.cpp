#include "result.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/full_like.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "common/number_text.hpp"
#include "directions.hpp"

namespace lensbench::steering {
namespace {

at::Tensor column(const std::vector<double>& values) {
  return at::tensor(values, at::kDouble);
}

template <class Value>
at::Tensor of_layers(const std::vector<SteeredLayer>& layers, Value value) {
  std::vector<double> values;
  values.reserve(layers.size());
  for (const SteeredLayer& layer : layers) values.push_back(value(layer));
  return column(values);
}

void add_directions(Dataset& dataset, const std::vector<SteeredLayer>& layers) {
  std::vector<at::Tensor> rows;
  rows.reserve(layers.size());
  for (const SteeredLayer& layer : layers) rows.push_back(layer.directions[0]);
  const at::Tensor directions = at::stack(rows);
  dataset.add("direction", {"layer", "d_model"}, directions, "1",
              "direction that is added, taken out or set");
  dataset.add("direction_norm", {"layer"}, directions.to(at::kDouble).norm(2, {1}), "1",
              "length of the direction");
  dataset.add("stream_norm", {"layer"},
              of_layers(layers, [](const SteeredLayer& layer) { return layer.stream_norm; }), "1",
              "median length of the stream over the prompt without its first token (NaN: there is "
              "no other)");
  dataset.add("alpha_unit", {"layer"},
              of_layers(layers, [](const SteeredLayer& layer) { return layer.step; }), "1",
              "what alpha 1 means: the factor of the direction, or with clamp the component");
}

void add_attributes(Dataset& dataset, const SteeringPlan& plan, const SteeringOptions& options) {
  plan.reader.describe(dataset);
  dataset.attributes["metric"] = std::string(lensbench::to_string(plan.reader.metric()));
  dataset.attributes["mode"] = std::string(to_string(plan.mode));
  dataset.attributes["scale"] = std::string(options.relative ? "relative" : "raw");
  dataset.attributes["where"] = std::string(to_string(plan.where.part));
  std::vector<std::string> positions;
  for (const std::int64_t position : plan.where.positions)
    positions.push_back(std::to_string(position));
  dataset.attributes["positions"] = positions;
  std::vector<std::string> targets;
  for (const std::int64_t id : options.target_tokens) targets.push_back(std::to_string(id));
  dataset.attributes["target_tokens"] = targets;
  dataset.attributes["controls"] = options.controls;
  dataset.attributes["max_new_tokens"] = options.max_new_tokens;
  dataset.attributes["temperature"] = options.temperature;
  dataset.attributes["seed"] = static_cast<std::int64_t>(plan.seed);
  dataset.attributes["base_run"] = "the prompt";
  dataset.attributes["source_run"] = "none";
  dataset.attributes["sign"] = "effect = m(steered) - m(base)";
}

/// NaN everywhere where the prompt is not steered.
at::Tensor if_steered(const SteeringPlan& plan, const at::Tensor& values) {
  const bool prompt = !plan.where.of_prompt(plan.tokens.size()).empty();
  return prompt ? values : at::full_like(values, kNaN);
}

/// [1 + draw, alpha] of each depth as [layer, alpha] and [layer, alpha, draw].
struct Split {
  at::Tensor direction, controls;
};

Split split(const std::vector<at::Tensor>& of_layers) {
  const at::Tensor all = at::stack(of_layers);  // [layer, 1 + draw, alpha]
  return {all.select(1, 0), all.narrow(1, 1, all.size(1) - 1).transpose(1, 2).contiguous()};
}

}  // namespace

const char* to_string(SteeringMode mode) {
  if (mode == SteeringMode::project) return "project";
  return mode == SteeringMode::clamp ? "clamp" : "add";
}

const char* to_string(SteeredPart part) {
  switch (part) {
    case SteeredPart::prompt:
      return "prompt";
    case SteeredPart::generated:
      return "generated";
    case SteeredPart::last:
      return "last";
    case SteeredPart::all:
      break;
  }
  return "all";
}

namespace {

/// 1 where the prompt is steered, [token].
at::Tensor steered_tokens(const SteeringPlan& plan) {
  std::vector<std::int64_t> steered(plan.tokens.ids.size(), 0);
  for (const std::int64_t position : plan.where.of_prompt(plan.tokens.size()))
    steered[static_cast<std::size_t>(position)] = 1;
  return at::tensor(steered, at::kLong).to(at::kChar);
}

void add_depths(Dataset& dataset, const std::vector<SteeredLayer>& layers) {
  std::vector<std::int64_t> depths;
  std::vector<std::string> labels, numbers;
  for (const SteeredLayer& layer : layers) {
    depths.push_back(layer.layer);
    numbers.push_back(std::to_string(layer.layer));
    labels.push_back(layer.layer == 0 ? "embed" : std::to_string(layer.layer - 1) + "_resid_post");
  }
  dataset.add_coordinate("layer", at::tensor(depths, at::kLong).to(at::kInt),
                         "depth of the stream that is steered; 0: embeddings");
  dataset.add({.name = "layer_label",
               .dims = {"layer"},
               .strings = labels,
               .long_name = "name of the stream",
               .coordinate = true});
  dataset.attributes["layers"] = numbers;
}

}  // namespace

Dataset with_axes(const SteeringPlan& plan, const std::vector<SteeredLayer>& layers,
                  const SteeringOptions& options) {
  Dataset dataset;
  add_token_axis(dataset, plan.tokens.ids, plan.tokens.texts);
  add_depths(dataset, layers);
  dataset.add_coordinate("alpha", column(plan.alphas), "strength");
  dataset.add_coordinate("draw", at::arange(options.controls, at::kInt), "random direction");
  dataset.add("steered", {"token"}, steered_tokens(plan), "1", "1 where the prompt is steered");
  add_directions(dataset, layers);
  add_attributes(dataset, plan, options);
  dataset.attributes["alphas"] = tracing::number_texts(plan.alphas);
  Provenance{.definition = "steering/1",
             .samples = options.controls,
             .seed_stream = static_cast<std::int64_t>(kControlStream)}
      .describe(dataset);
  return dataset;
}

namespace {

void add_effects(Dataset& dataset, const Split& effect, const std::string& units,
                 const std::string& nan) {
  const std::vector<std::string> grid = {"layer", "alpha"}, draws = {"layer", "alpha", "draw"};
  dataset.add("effect", grid, effect.direction, units,
              "metric of the steered run minus that of the base run" + nan);
  dataset.add("control_effect", draws, effect.controls, units,
              "the same along a random direction of equal length" + nan);
  dataset.add("largest_control_effect", grid, std::get<0>(effect.controls.abs().max(2)), units,
              "largest size of control_effect among the random directions" + nan);
}

void add_divergences(Dataset& dataset, const Split& kl, const std::string& nan) {
  dataset.add("kl", {"layer", "alpha"}, kl.direction, "nats",
              "KL(base || steered) at the position of the metric" + nan);
  dataset.add("control_kl", {"layer", "alpha", "draw"}, kl.controls, "nats",
              "the same along a random direction of equal length" + nan);
}

void add_ranges(Dataset& dataset, const std::vector<double>& ranges, const std::string& nan) {
  dataset.add("linear_range", {"layer"}, column(ranges), "1",
              "largest |alpha| of the grid up to which every effect is within 10 % of slope times "
              "alpha" +
                  nan);
}

}  // namespace

void add_prompt(Dataset& dataset, const SteeringPlan& plan, const std::vector<PromptGrid>& grids,
                const std::vector<double>& slopes) {
  std::vector<at::Tensor> effects, kls;
  std::vector<double> ranges;
  // Ranges are taken from alpha 0, which with clamp has an effect of its own.
  const auto zero = std::find(plan.alphas.begin(), plan.alphas.end(), 0.0) - plan.alphas.begin();
  for (std::size_t i = 0; i < grids.size(); ++i) {
    effects.push_back(if_steered(plan, grids[i].metric - grids[i].base));
    kls.push_back(if_steered(plan, grids[i].kl));
    const at::Tensor own = effects.back()[0];
    ranges.push_back(std::isnan(slopes[i]) ? kNaN
                                           : linear_range(plan.alphas, own - own[zero], slopes[i]));
  }
  const std::string nan = " (NaN: only generated tokens are steered)";
  const std::string units = plan.reader.units();
  const Split effect = split(effects);
  add_effects(dataset, effect, units, nan);
  add_divergences(dataset, split(kls), nan);
  dataset.add("base_metric", {}, at::scalar_tensor(grids.front().base, at::kDouble), units,
              "metric of the base run");
  dataset.add("slope", {"layer"}, column(slopes), units,
              "d effect / d alpha at alpha 0, by gradient" + nan);
  add_ranges(dataset, ranges, nan);
}

void add_neutral(Dataset& dataset, const NeutralCost& cost, const SteeringOptions& options) {
  dataset.add("neutral_kl", {"layer", "alpha"}, cost.kl, "nats",
              "mean KL(base || steered) over the tokens of the neutral text");
  dataset.add("neutral_perplexity", {"layer", "alpha"}, cost.perplexity, "1",
              "perplexity of the neutral text in the steered model");
  dataset.add("base_neutral_perplexity", {}, at::scalar_tensor(cost.base_perplexity, at::kDouble),
              "1", "perplexity of the neutral text in the unchanged model");
  const auto slash = options.neutral.rfind('/');
  dataset.attributes["neutral"] =
      slash == std::string::npos ? options.neutral : options.neutral.substr(slash + 1);
  dataset.attributes["neutral_tokens"] = cost.tokens;
  dataset.attributes["window"] = options.window;
  dataset.attributes["windows"] = options.windows;
}

}  // namespace lensbench::steering

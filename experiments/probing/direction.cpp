#include "direction.hpp"

#include <ATen/ops/mv.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <lensbench/error.hpp>
#include <lensbench/statistics.hpp>

#include "labelled.hpp"

namespace probing_experiment {
namespace {

using namespace lensbench;

at::Tensor row_of(const Dataset& result, const char* name, std::int64_t point) {
  return result[name].tensor[point].to(at::kDouble);
}

/// Number of the point with the largest held-out accuracy.
std::int64_t best_point(const Dataset& result) {
  const auto accuracy = statistics::values_of(result["held_out_accuracy"].tensor);
  std::size_t best = 0;
  for (std::size_t point = 1; point < accuracy.size(); ++point)
    if (accuracy[point] > accuracy[best]) best = point;
  return static_cast<std::int64_t>(best);
}

/// Mean of the second label minus that of the first along a direction.
double distance_along(const at::Tensor& direction, const Model& model, std::int64_t layer,
                      const std::vector<ProbeExample>& examples, const std::string& position,
                      const std::vector<std::string>& classes) {
  std::vector<double> first, second;
  for (const ProbeExample& one : examples) {
    const at::Tensor x = stream_at(model, one.tokens, layer, position_of(one, position));
    (one.label == classes.front() ? first : second).push_back(x.dot(direction).item<double>());
  }
  return statistics::mean(second) - statistics::mean(first);
}

}  // namespace

ChosenProbe::ChosenProbe(const Dataset& result) : classes(result["class"].strings) {
  const auto point = std::get<std::int64_t>(result.attributes.at("chosen_point"));
  layer = result["layer"].tensor[point].item<std::int64_t>();
  if (!result.contains("direction")) {
    weights = row_of(result, "class_direction", point);
    intercepts = row_of(result, "class_intercept", point);
    return;
  }
  // The second label wins where the score is above 0, the score of the first.
  const at::Tensor second =
      row_of(result, "direction", point).mul(row_of(result, "direction_norm", point));
  const at::Tensor intercept = row_of(result, "intercept", point);
  weights = at::stack({at::zeros(second.sizes(), at::kDouble), second});
  intercepts = at::stack({at::zeros({}, at::kDouble), intercept});
}

std::int64_t ChosenProbe::predicted(const at::Tensor& x) const {
  return at::mv(weights, x).add(intercepts).argmax().item<std::int64_t>();
}

at::Tensor stream_at(const Model& model, const Tokens& tokens, std::int64_t layer,
                     std::int64_t position) {
  ForwardOptions options;
  options.logits = ForwardOptions::Logits::none;
  options.stop_at_layer = layer;
  const at::Tensor stream =
      model.forward(make_batch(tokens), options).residual[0].to(at::kCPU).to(at::kDouble);
  return position < 0 ? stream.mean(0) : stream[position];
}

void add_choice(Dataset& result, const Model& model, const std::vector<ProbeExample>& examples,
                const std::vector<std::int64_t>& numbers, const std::string& position) {
  result.add("case_of_example", {"example"}, at::tensor(numbers, at::kLong).to(at::kInt), "1",
             "number of the case that is the example");
  const std::int64_t point = best_point(result);
  const auto layer = result["layer"].tensor[point].item<std::int64_t>();
  result.attributes["chosen_point"] = point;
  result.attributes["chosen_layer"] = layer;
  if (!result.contains("direction")) return;
  const double distance = distance_along(row_of(result, "direction", point), model, layer, examples,
                                         position, result["class"].strings);
  result.add("label_distance", {}, at::scalar_tensor(distance, at::kDouble), "1",
             "mean of the second label minus that of the first along the direction of the chosen "
             "point (NaN: activations do not differ)");
}

Dataset probe_of(const Summary& summary) {
  // One case of the fitting half saved it, most often the first or the second of all.
  for (const std::int64_t number : summary.cases()) {
    try {
      return summary.dataset(number, "probe");
    } catch (const UsageError&) {
      continue;
    }
  }
  throw RunError("probing: there is no probe, since the case that fits it failed; see its message");
}

std::vector<std::int64_t> measuring_cases(const Summary& summary, const Dataset& probe) {
  const auto fitted = statistics::values_of(probe["case_of_example"].tensor);
  return all_but(summary.cases(), {fitted.begin(), fitted.end()});
}

}  // namespace probing_experiment

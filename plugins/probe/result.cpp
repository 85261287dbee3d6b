#include "result.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/bincount.h>
#include <ATen/ops/full.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>

#include <lensbench/metric.hpp>
#include <string>
#include <utility>
#include <vector>

#include "common/folds.hpp"
#include "measures.hpp"
#include "options.hpp"
#include "receipts.hpp"

namespace lensbench::probing {
namespace {

struct Metric {
  const char* name;
  const char* units;
  const char* meaning;
};
constexpr Metric kMetricTable[kMetrics] = {
    {"accuracy", "1", "share of held-out examples that are right"},
    {"balanced_accuracy", "1",
     "mean over labels of the share of their held-out examples that are right"},
    {"auroc", "1",
     "area under the ROC curve of held-out examples, with more labels the mean of each against the "
     "others (NaN: the fold has one label)"},
    {"log_loss", "nats",
     "mean of -ln probability of the label of held-out examples (NaN: the kind does not give "
     "probabilities)"},
};

at::Tensor ints(const std::vector<std::int64_t>& values) {
  return at::tensor(values, at::kLong).to(at::kInt);
}

void add_axes(Dataset& dataset, const ProbePlan& plan) {
  std::vector<std::string> names;
  names.reserve(plan.points.size());
  for (const HookPoint& point : plan.points) names.push_back(point.name);
  dataset.add_coordinate("point", names, "hook point");
  const auto given = index_of_position(plan.options.position);
  const std::int64_t position = plan.options.position == "first" ? 0
                                : given && *given >= 0           ? *given
                                                                 : -1;
  for (const auto& [name, values, meaning] :
       {std::tuple{"layer", ints(plan.layers), "stream that the point is; -1: not a stream"},
        {"position", at::full({plan.n_points()}, position, at::kInt),
         "position that is read; -1: that of each example"}}) {
    Variable variable;
    variable.name = name;
    variable.dims = {"point"};
    variable.tensor = values;
    variable.long_name = meaning;
    variable.coordinate = true;
    dataset.add(std::move(variable));
  }
  dataset.add_coordinate("fold", at::arange(plan.options.folds, at::kInt), "part that is held out");
  dataset.add_coordinate("class", plan.classes, "label, in order");
  dataset.add_coordinate("bound", {"low", "high"}, "bound of an interval");
  dataset.add_coordinate("example", at::arange(plan.examples(), at::kInt), "line of the examples");
  if (!plan.options.controls.empty())
    dataset.add_coordinate("control", plan.options.controls, "what the probe is compared with");
}

void add_measures(Dataset& dataset, const ProbePlan& plan, const Measured& found, const Fits& fits,
                  std::uint64_t seed) {
  const Intervals bounds = intervals(plan, found, seed);
  const at::Tensor metrics = metrics_by_fold(plan, found);
  dataset.add("held_out_accuracy", {"point"}, bounds.estimate[0].clone(), "1",
              "share of examples that a probe that did not see them gets right");
  dataset.add("held_out_auroc", {"point"}, bounds.estimate[2].clone(), "1",
              "area under the ROC curve of the same, within folds (NaN: no fold has two labels)");
  dataset.add("selectivity", {"point"}, selectivity(plan, found), "1",
              "accuracy minus that for a random label of each token type, mean over folds (NaN: "
              "random_type was left out, position is mean, or there are fewer types than labels)");
  for (std::int64_t m = 0; m < kMetrics; ++m) {
    const Metric& metric = kMetricTable[m];
    dataset.add(metric.name, {"point", "fold"}, metrics[m].clone(), metric.units, metric.meaning);
    dataset.add(std::string(metric.name) + "_interval", {"bound", "point"},
                bounds.bounds[m].clone(), metric.units,
                "95 % interval over groups of all held-out examples together (NaN: not defined)");
  }
  dataset.add("selectivity_interval", {"bound", "point"}, bounds.bounds[kMetrics].clone(), "1",
              "95 % interval over groups of all held-out examples together (NaN: not defined)");
  dataset.set_attribute("accuracy", "claim", "presence");
  if (!plan.options.controls.empty())
    dataset.add("control_accuracy", {"control", "point", "fold"}, control_accuracy(plan, found),
                "1",
                "accuracy of the controls (NaN: random_type without one token, or with fewer types "
                "than labels; a training part lacks a label)");
  const Selected best = selected(plan, fits, metrics[0]);
  dataset.add("selected_point", {"fold"}, best.point, "1",
              "number of the point that is best on inner splits of the other folds; -1: no inner "
              "split");
  dataset.add("selected_accuracy", {"fold"}, best.accuracy, "1",
              "accuracy of that point on the fold (NaN: no inner split)");
}

void add_choices(Dataset& dataset, const Fits& fits) {
  dataset.add(
      "inner_accuracy", {"point", "fold"}, fits.inner_accuracy, "1",
      "accuracy on the rows of the other folds that choose penalty and point (NaN: no inner "
      "split)");
  dataset.add("lambda", {"point", "fold"}, fits.lambda, "1",
              "penalty that was chosen (NaN: the kind has none)");
  dataset.add("direction_lambda", {"point"}, fits.whole_lambda, "1",
              "penalty of the probe of all examples (NaN: the kind has none)");
}

void add_directions(Dataset& dataset, const ProbePlan& plan, const Fits& fits) {
  if (plan.n_classes() != 2) {
    dataset.add("class_direction", {"point", "class", "d_model"}, fits.weights, "1",
                "weights of each label, of a probe of all examples; the largest score wins");
    dataset.add("class_intercept", {"point", "class"}, fits.intercepts, "1",
                "added to the weights times the activation");
    return;
  }
  const at::Tensor weights = fits.weights.select(1, 1) - fits.weights.select(1, 0);
  const at::Tensor norm = weights.norm(2, {1}), unit = weights / norm.unsqueeze(1);
  dataset.add("direction", {"point", "d_model"}, unit, "1",
              "unit vector toward the larger label, of a probe of all examples (NaN: activations "
              "do not differ)");
  dataset.add("direction_norm", {"point"}, norm, "1", "length of the weights of that probe");
  dataset.add("intercept", {"point"},
              (fits.intercepts.select(1, 1) - fits.intercepts.select(1, 0)).contiguous(), "1",
              "score is direction_norm times direction · x plus this; above 0 is the larger label");
  dataset.add("direction_cosine", {"point", "other_point"}, at::matmul(unit, unit.t()), "1",
              "cosine between directions (NaN: activations do not differ)");
}

void add_examples(Dataset& dataset, const ProbePlan& plan, const Measured& found,
                  const Fits& fits) {
  if (plan.n_classes() == 2)
    dataset.add("score", {"point", "example"}, fits.scores.select(2, 1) - fits.scores.select(2, 0),
                "1",
                "score of each example, held out; above 0 is the larger label (NaN: a training "
                "part lacks a label)");
  std::vector<at::Tensor> predicted;
  predicted.reserve(found.own.size());
  for (const HeldOut& rows : found.own) predicted.push_back(ints(rows.predicted()));
  dataset.add("predicted", {"point", "example"}, at::stack(predicted), "1",
              "number of the label predicted for it, held out; -1: none");
  dataset.add("label", {"example"}, ints(plan.labels), "1", "number of its label");
  dataset.add("fold_of", {"example"}, ints(plan.fold_of), "1", "fold in which it was held out");
  std::vector<std::string> groups;
  groups.reserve(plan.groups.size());
  for (const std::int64_t group : plan.groups)
    groups.push_back(plan.group_names[static_cast<std::size_t>(group)]);
  dataset.add("group", "example", std::move(groups),
              "its group, which is never on both sides of a split");
  const at::Tensor labels = at::tensor(plan.labels, at::kLong);
  dataset.add("class_count", {"class"}, at::bincount(labels, {}, plan.n_classes()).to(at::kInt),
              "1", "examples with the label");
}

void add_neurons(Dataset& dataset, const Fits& fits) {
  if (!fits.neuron_auroc.defined()) return;
  dataset.add_coordinate("block", at::arange(fits.neuron_auroc.size(0), at::kInt),
                         "block, counted from 0");
  dataset.add_coordinate("neuron", at::arange(fits.neuron_auroc.size(1), at::kInt),
                         "neuron of a block");
  dataset.add("neuron_auroc", {"block", "neuron"}, fits.neuron_auroc, "1",
              "area under the ROC curve of each neuron alone, all examples");
  dataset.add("neuron_effect_size", {"block", "neuron"}, fits.neuron_effect, "1",
              "difference of means in standard deviations: of pairs d_z, else Cohen's d (NaN: the "
              "neuron does not vary)");
}

}  // namespace

Dataset result_of(const ProbePlan& plan, const Fits& fits, std::uint64_t seed) {
  const Measured found = measured(plan, fits);
  Dataset dataset;
  add_axes(dataset, plan);
  add_measures(dataset, plan, found, fits, seed);
  add_choices(dataset, fits);
  add_directions(dataset, plan, fits);
  add_examples(dataset, plan, found, fits);
  add_neurons(dataset, fits);
  dataset.receipts.push_back(group_receipt(plan.fold_of, plan.groups));
  if (plan.n_classes() == 2) dataset.receipts.push_back(direction_receipt(fits.against_means));
  if (!found.shuffled.empty())
    dataset.receipts.push_back(shuffled_receipt(found.shuffled, plan.shuffled, plan.n_classes()));
  add_options(dataset, plan.options);
  dataset.attributes["base_run"] = "examples";
  dataset.attributes["source_run"] = "none";
  dataset.attributes["sign"] = "directions and scores point to the larger label";
  dataset.attributes["seed"] = static_cast<std::int64_t>(seed);
  Provenance{.definition = "probe_" + plan.options.kind + "/1",
             .samples = kSamples,
             .seed_stream = static_cast<std::int64_t>(kFoldStream)}
      .describe(dataset);
  return dataset;
}

}  // namespace lensbench::probing

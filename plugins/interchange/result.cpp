#include "result.hpp"

#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <lensbench/metric.hpp>
#include <string>
#include <utility>
#include <vector>

#include "common/coordinates.hpp"
#include "options.hpp"

namespace lensbench::interchange {
namespace {

at::Tensor ints(const std::vector<std::int64_t>& values) {
  return at::tensor(values, at::kLong).to(at::kInt);
}

/// Axis `place` as axes `layer` and `position`.
at::Tensor by_place(const InterchangePlan& plan, const at::Tensor& values) {
  std::vector<std::int64_t> shape(values.sizes().begin(), values.sizes().end());
  shape[0] = std::ssize(plan.options.position);
  shape.insert(shape.begin(), std::ssize(plan.points));
  return values.reshape(shape);
}

void add_axes(Dataset& dataset, const InterchangePlan& plan) {
  std::vector<std::int64_t> layers;
  std::vector<std::string> points;
  for (const HookPoint& point : plan.points) {
    layers.push_back(point.layer);
    points.push_back(point.name);
  }
  dataset.add_coordinate("layer", ints(layers), "block of the hook point, counted from 0");
  add_coordinate_of(dataset, "point", "layer", points, "hook point");
  dataset.add_coordinate("position", ints(plan.options.position),
                         "position of the exchange; negative ones count from the end");
  dataset.add_coordinate("basis", plan.options.basis, "where the subspace comes from");
  dataset.add_coordinate("control", plan.options.controls, "what the exchange is compared with");
  std::vector<std::string> runs = {"exchange"};
  runs.insert(runs.end(), plan.options.controls.begin(), plan.options.controls.end());
  dataset.add_coordinate("run", runs, "the exchange, and its controls");
  dataset.add_coordinate("rank", at::arange(plan.options.rank, at::kInt), "vector of the subspace");
  dataset.add_coordinate("pair", at::arange(plan.n_pairs(), at::kInt), "line of the pairs");
}

void add_accuracy(Dataset& dataset, const InterchangePlan& plan, const Found& found) {
  const std::vector<std::string> of_basis = {"layer", "position", "basis"};
  const std::vector<std::string> of_control = {"layer", "position", "basis", "control"};
  const auto add = [&](const std::string& name, std::vector<std::string> dims,
                       const at::Tensor& values, const std::string& meaning) {
    dataset.add(name, std::move(dims), by_place(plan, values), "1", meaning);
  };
  const std::string undefined = " (NaN: arbitrary labels of a basis that is not trained)";
  // Maps have the first two dimensions: the accuracy of a block and its controls in a row.
  const at::Tensor runs = at::cat({found.accuracy.unsqueeze(2), found.control_accuracy}, 2);
  dataset.add("side_by_side", {"layer", "run", "basis", "position"},
              by_place(plan, runs).permute({0, 3, 2, 1}).contiguous(), "1",
              "accuracy of the exchange, and next to it that of each control" + undefined);
  add("accuracy", of_basis, found.accuracy,
      "share of test pairs for which the expected token has the largest logit");
  add("control_accuracy", of_control, found.control_accuracy,
      "accuracy of the exchange with each control" + undefined);
  add("margin", of_basis, found.margin,
      "logit of the expected token minus the largest other one, mean over test pairs");
  add("control_margin", of_control, found.control_margin,
      "margin of the exchange with each control" + undefined);
  add("train_accuracy", of_basis, found.train_accuracy,
      "accuracy on the pairs to which the subspace was fitted");
  add("whole_accuracy", {"layer", "position"}, found.whole_accuracy,
      "accuracy with the whole activation of the source in place of that of the base");
}

void add_subspaces(Dataset& dataset, const InterchangePlan& plan, const Found& found) {
  dataset.add("basis_vectors", {"layer", "position", "basis", "rank", "d_model"},
              by_place(plan, found.bases), "1", "orthonormal vectors that span the subspace");
  if (!has_basis(plan.options, "das")) return;
  dataset.add_coordinate("step", at::arange(plan.options.steps, at::kInt), "step of a training");
  dataset.add("training_loss", {"step", "layer", "position"},
              by_place(plan, found.loss).permute({2, 0, 1}).contiguous(), "nats",
              "cross-entropy of the expected token in each step of das");
}

void add_pairs(Dataset& dataset, const InterchangePlan& plan, const Found& found) {
  const auto add_ids = [&](const std::string& name, std::vector<std::string> dims,
                           const at::Tensor& ids, const std::string& meaning) {
    dataset.add(name, std::move(dims), ids.to(at::kInt), "1", meaning, Holds::token_ids);
  };
  add_ids("answer_id", {"layer", "position", "basis", "pair"}, by_place(plan, found.answers),
          "token with the largest logit after the exchange; -1: not a test pair");
  add_ids("base_answer_id", {"pair"}, found.base_answers,
          "token with the largest logit without a change; -1: left out");
  add_ids("expected_id", {"pair"}, ints(plan.expected), "token that is the right answer");
  add_ids("arbitrary_id", {"pair"}, ints(plan.arbitrary),
          "token that stands for it in the control arbitrary_labels; -1: not asked for");
  dataset.add("part", {"pair"}, at::tensor(plan.part, at::kLong).to(at::kChar), "1",
              "0: training, 1: test, -1: left out, since its prompts are on both sides");
}

}  // namespace

Dataset result_of(const InterchangePlan& plan, const Found& found) {
  Dataset dataset;
  add_axes(dataset, plan);
  add_accuracy(dataset, plan, found);
  const at::Tensor tested = found.base_right.index_select(0, at::tensor(plan.test, at::kLong));
  dataset.add("base_accuracy", {}, at::scalar_tensor(tested.mean().item<double>(), at::kDouble),
              "1", "accuracy without a change");
  add_subspaces(dataset, plan, found);
  add_pairs(dataset, plan, found);
  add_options(dataset, plan.options);
  dataset.attributes["train_pairs"] = std::ssize(plan.train);
  dataset.attributes["test_pairs"] = std::ssize(plan.test);
  dataset.attributes["base_run"] = "base";
  dataset.attributes["source_run"] = "source";
  dataset.attributes["sign"] = "1 is an answer that the exchange brings";
  dataset.attributes["seed"] = static_cast<std::int64_t>(plan.seed);
  Provenance{.definition = "interchange/2",
             .rule = has_basis(plan.options, "das") ? "Adam" : "none",
             .samples = 1,
             .seed_stream = static_cast<std::int64_t>(kFirstStream)}
      .describe(dataset);
  return dataset;
}

}  // namespace lensbench::interchange

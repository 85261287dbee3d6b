#include "answers.hpp"

#include <ATen/ops/full_like.h>
#include <ATen/ops/stack.h>

#include <algorithm>
#include <cmath>
#include <lensbench/statistics.hpp>
#include <limits>
#include <vector>

#include "common/results.hpp"

namespace agreement {
namespace {

using namespace lensbench;

// Order of rounding in float32 and in half precision.
constexpr double kTolerance = 1e-4, kHalfTolerance = 5e-2;

/// Effects of attention and MLP outputs in the order of components, [component] or
/// [component, token].
at::Tensor by_component(const Dataset& dataset) {
  return at::stack({dataset["attn_out_effect"].tensor, dataset["mlp_out_effect"].tensor}, 1)
      .flatten(0, 1);
}

/// Number of the first component of the blocks among those of layer_attribution.
std::int64_t first_of_blocks(const Dataset& attribution) {
  const auto& names = attribution["component"].strings;
  return std::find(names.begin(), names.end(), "0_attn_out") - names.begin();
}

at::Tensor contributions_at(const Dataset& attribution, std::int64_t position) {
  return attribution["logit_contribution"].tensor.select(1, position);
}

double number_of(const Dataset& dataset, const char* name) {
  return dataset[name].tensor.item<double>();
}

/// Metrics of both prompts as the runs themselves give them.
struct Metrics {
  double clean, corrupted;
  double gap() const { return clean - corrupted; }
  /// Difference in units of the gap, of the metrics, or of one logit, whichever is largest: the
  /// difference of two large logits is as exact as the logits are.
  double relative(double a, double b) const {
    return std::abs(a - b) / std::max({std::abs(gap()), std::abs(clean), std::abs(corrupted), 1.0});
  }
};

/// Largest difference between the metrics that the tools read and those of the runs.
double metric_difference(const Answers& answers, const Metrics& metrics, std::int64_t position) {
  const auto logit = [&](const Dataset& attribution) {
    return attribution["target_logit"].tensor[position].item<double>();
  };
  return std::max({metrics.relative(number_of(answers.patched, "base_metric"), metrics.corrupted),
                   metrics.relative(number_of(answers.patched, "source_metric"), metrics.clean),
                   metrics.relative(number_of(answers.ablated, "base_metric"), metrics.clean),
                   metrics.relative(logit(answers.direct), metrics.clean),
                   metrics.relative(logit(answers.corrupted_direct), metrics.corrupted)});
}

/// Number of the settings in which a tool was asked something else.
std::int64_t other_questions(const Answers& answers, const MetricReader& reader) {
  Dataset question;
  reader.describe(question);
  std::int64_t others = 0;
  for (const auto& [name, value] : question.attributes)
    for (const Dataset* one : {&answers.patched, &answers.patched_by_token, &answers.ablated})
      others += one->attributes.at(name) == value ? 0 : 1;
  const auto id_at = [&](const Dataset& attribution, const char* name) {
    return attribution[name].tensor[reader.position()].item<std::int64_t>();
  };
  for (const Dataset* one : {&answers.direct, &answers.corrupted_direct}) {
    others += id_at(*one, "target_id") == reader.target() ? 0 : 1;
    if (reader.versus()) others += id_at(*one, "versus_id") == *reader.versus() ? 0 : 1;
  }
  return others;
}

}  // namespace

at::Tensor values_of(const Answers& answers, const MetricReader& reader) {
  const std::int64_t components = answers.clean.outputs.size(0), place = reader.position();
  const at::Tensor direct = contributions_at(answers.direct, place)
                                .sub(contributions_at(answers.corrupted_direct, place));
  std::vector<at::Tensor> values(kMethods.size());
  values[kLens] = lens_steps(answers.clean, reader).sub(lens_steps(answers.corrupted, reader));
  values[kDirect] = direct.narrow(0, first_of_blocks(answers.direct), components);
  values[kAblation] = by_component(answers.ablated).neg();
  values[kPatching] = by_component(answers.patched);
  values[kGradient] = answers.first_order.gradient.sum(1);
  values[kIntegrated] = answers.first_order.integrated.sum(1);
  return at::stack(values);
}

at::Tensor values_by_token(const Answers& answers) {
  const at::Tensor patching = by_component(answers.patched_by_token);
  std::vector<at::Tensor> values(kMethods.size(),
                                 at::full_like(patching, std::numeric_limits<double>::quiet_NaN()));
  values[kPatching] = patching;
  values[kGradient] = answers.first_order.gradient;
  values[kIntegrated] = answers.first_order.integrated;
  return at::stack(values);
}

void add_receipts(Dataset& result, const Answers& answers, const MetricReader& reader,
                  const at::Tensor& values, bool half) {
  const at::Tensor rows = at::stack(
      {answers.clean.residual[reader.position()], answers.corrupted.residual[reader.position()]});
  const auto read = statistics::values_of(reader(rows));
  const Metrics metrics{read[0], read[1]};
  const double gap = number_of(result, "gap"), tolerance = half ? kHalfTolerance : kTolerance;
  const char* note = "relative to the gap, the metrics or one logit; order of rounding";
  if (answers.clean.states.defined()) {
    const double start = lens_start(answers.clean, reader) - lens_start(answers.corrupted, reader);
    result.receipts.push_back(make_receipt(
        "lens_steps_sum_to_the_gap",
        metrics.relative(start + values[kLens].sum().item<double>(), gap), tolerance, note));
  }
  const double direct = contributions_at(answers.direct, reader.position())
                            .sub(contributions_at(answers.corrupted_direct, reader.position()))
                            .sum()
                            .item<double>();
  result.receipts.push_back(
      make_receipt("direct_parts_sum_to_the_gap", metrics.relative(direct, gap), tolerance, note));
  result.receipts.push_back(make_receipt("methods_read_the_same_metrics",
                                         metric_difference(answers, metrics, reader.position()),
                                         tolerance, note));
  result.receipts.push_back(make_receipt(
      "methods_are_asked_the_same_question", static_cast<double>(other_questions(answers, reader)),
      0, "settings of target, versus, metric and position that differ"));
  for (const Dataset* one : {&answers.direct, &answers.corrupted_direct, &answers.ablated,
                             &answers.patched, &answers.patched_by_token})
    common::keep_worst(result, one->receipts);
}

}  // namespace agreement

#include "measure.hpp"

#include <ATen/core/Tensor.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>

#include <lensbench/error.hpp>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/kept_progress.hpp"
#include "common/request_number.hpp"
#include "options.hpp"
#include "place.hpp"
#include "weights.hpp"

namespace lensbench::interchange {
namespace {

at::Tensor without_values(const std::vector<std::int64_t>& shape) {
  return at::full(shape, std::numeric_limits<double>::quiet_NaN(), at::kDouble);
}

Found empty_found(const InterchangePlan& plan) {
  const std::int64_t places = plan.n_places(), bases = std::ssize(plan.options.basis);
  const std::int64_t controls = std::ssize(plan.options.controls);
  Found found;
  for (at::Tensor* one : {&found.accuracy, &found.margin, &found.train_accuracy})
    *one = without_values({places, bases});
  for (at::Tensor* one : {&found.control_accuracy, &found.control_margin})
    *one = without_values({places, bases, controls});
  found.whole_accuracy = without_values({places});
  found.bases = at::zeros({places, bases, plan.options.rank, plan.width}, at::kFloat);
  found.loss = without_values({places, has_basis(plan.options, "das") ? plan.options.steps : 1});
  found.answers = at::full({places, bases, plan.n_pairs()}, -1, at::kLong);
  found.pair_margins = without_values({places, bases, plan.n_pairs()});
  found.base_answers = at::full({plan.n_pairs()}, -1, at::kLong);
  found.base_right = without_values({plan.n_pairs()});
  found.changed = at::zeros({places}, at::kLong);
  return found;
}

/// By it a state is not taken for that of another request of the same case.
std::int64_t request_number(const InterchangePlan& plan) {
  RequestNumber number;
  for (const InterchangePair& pair : plan.pairs) {
    number.mix_all(pair.base.ids);
    number.mix_all(pair.source.ids);
  }
  for (const auto& list : {plan.part, plan.values, plan.expected, plan.arbitrary,
                           plan.options.position, plan.options.neurons})
    number.mix_all(list);
  for (const HookPoint& point : plan.points) number.mix_all(point.name);
  for (const auto& names : {plan.options.basis, plan.options.controls})
    for (const std::string& name : names) number.mix_all(name);
  for (const at::Tensor& rows : plan.directions) {
    const at::Tensor values = rows.contiguous();
    for (std::int64_t i = 0; i < values.numel(); ++i) number.mix(values.data_ptr<double>()[i]);
  }
  for (const std::int64_t one : {plan.options.rank, plan.options.steps})
    number.mix(static_cast<std::uint64_t>(one));
  number.mix(plan.options.strength);
  number.mix(plan.options.learning_rate);
  number.mix(plan.seed);
  return number.value();
}

/// All tensors, by name.
KeptProgress::Tensors kept_tensors(Found& found) {
  return {{"accuracy", &found.accuracy},
          {"margin", &found.margin},
          {"train_accuracy", &found.train_accuracy},
          {"control_accuracy", &found.control_accuracy},
          {"control_margin", &found.control_margin},
          {"whole_accuracy", &found.whole_accuracy},
          {"bases", &found.bases},
          {"loss", &found.loss},
          {"answers", &found.answers},
          {"pair_margins", &found.pair_margins},
          {"base_answers", &found.base_answers},
          {"base_right", &found.base_right},
          {"changed", &found.changed}};
}

class Measuring {
 public:
  Measuring(Context& context, const InterchangePlan& plan)
      : context_(context),
        plan_(plan),
        found_(empty_found(plan)),
        progress_(context, "interchange", "interchange_places", request_number(plan),
                  plan.n_places(), kept_tensors(found_)) {}

  Found finish() {
    if (progress_.done() < plan_.n_places()) measure_rest();
    progress_.keep();
    return std::move(found_);
  }

 private:
  void measure_rest() {
    RowReader rows(context_.model(), plan_);
    std::shared_ptr<const Model> random_weights;
    std::optional<RowReader> random_rows;
    std::optional<MeasuredModel> control;
    if (has_control(plan_.options, "random_weights")) {
      random_weights = with_random_weights(context_.shared_model(), plan_.seed, kWeightStream);
      random_rows.emplace(*random_weights, plan_);
      control.emplace(MeasuredModel{*random_weights, *random_rows});
    }
    while (progress_.done() < plan_.n_places()) {
      // A place that is interrupted is measured again from its beginning.
      measure_place(
          {context_.model(), rows}, control ? &*control : nullptr, plan_,
          plan_.place(progress_.done()), [this] { progress_.stop_if_cancelled(); }, found_);
      progress_.finish_item();
    }
  }

  Context& context_;
  const InterchangePlan& plan_;
  Found found_;
  KeptProgress progress_;
};

}  // namespace

Found measure_places(Context& context, const InterchangePlan& plan) {
  return Measuring(context, plan).finish();
}

}  // namespace lensbench::interchange

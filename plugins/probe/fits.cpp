#include "fits.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/dot.h>
#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <lensbench/error.hpp>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "common/activation_rows.hpp"
#include "common/kept_progress.hpp"
#include "common/request_number.hpp"
#include "cross_validation.hpp"
#include "neurons.hpp"

namespace lensbench::probing {
namespace {

constexpr std::int64_t kPassBytes = std::int64_t{1} << 30;

at::Tensor undefined_values(std::vector<std::int64_t> shape) {
  return at::full(shape, std::numeric_limits<double>::quiet_NaN(), at::kDouble);
}

Fits empty_fits(const ProbePlan& plan) {
  const std::int64_t points = plan.n_points(), classes = plan.n_classes();
  Fits fits;
  fits.scores = undefined_values({points, plan.examples(), classes});
  fits.shuffled_scores = fits.scores.clone();
  fits.type_scores = fits.scores.clone();
  fits.lambda = undefined_values({points, plan.options.folds});
  fits.inner_accuracy = fits.lambda.clone();
  fits.weights = undefined_values({points, classes, plan.width});
  fits.intercepts = undefined_values({points, classes});
  fits.whole_lambda = undefined_values({points});
  fits.against_means = undefined_values({points});
  fits.input_scores = undefined_values({plan.examples(), classes});
  return fits;
}

/// By it a state is not taken for that of another request of the same case.
std::int64_t request_number(const ProbePlan& plan) {
  RequestNumber number;
  for (const Tokens& tokens : plan.tokens) number.mix_all(tokens.ids);
  for (const auto& values : {plan.positions, plan.labels, plan.groups, plan.fold_of})
    number.mix_all(values);
  for (const HookPoint& point : plan.points) number.mix_all(point.name);
  for (const std::string& control : plan.options.controls) number.mix_all(control);
  number.mix_all(plan.options.kind);
  for (const double lambda : plan.options.lambdas) number.mix(lambda);
  number.mix(static_cast<std::uint64_t>(plan.options.sparse_k));
  number.mix(std::uint64_t{plan.options.standardize});
  return number.value();
}

/// All tensors that survive an interruption, by name. Neurons come last and are not kept.
KeptProgress::Tensors kept_tensors(Fits& fits) {
  return {{"scores", &fits.scores},
          {"shuffled_scores", &fits.shuffled_scores},
          {"type_scores", &fits.type_scores},
          {"lambda", &fits.lambda},
          {"inner_accuracy", &fits.inner_accuracy},
          {"weights", &fits.weights},
          {"intercepts", &fits.intercepts},
          {"whole_lambda", &fits.whole_lambda},
          {"against_means", &fits.against_means},
          {"input_scores", &fits.input_scores}};
}

/// Cosine between the direction toward class 1 and the way from its mean to that of class 0; 0
/// where either is 0. Above 0 the direction points to the wrong side.
double against_means(const LinearProbe& probe, const at::Tensor& rows, const at::Tensor& labels) {
  const at::Tensor means = class_means(rows, labels, 2), way = means[0] - means[1];
  const at::Tensor direction = probe.weights[1] - probe.weights[0];
  const double size = direction.norm().item<double>() * way.norm().item<double>();
  return size > 1e-9 ? at::dot(direction, way).item<double>() / size : 0.0;
}

class Fitting {
 public:
  Fitting(Context& context, const ProbePlan& plan)
      : context_(context),
        plan_(plan),
        fits_(empty_fits(plan)),
        progress_(context, "probe", "probe_fits", request_number(plan), fit_items(plan),
                  kept_tensors(fits_)) {}

  Fits finish() {
    if (progress_.done() == 0) {
      if (plan_.controls("input")) fit_input();
      progress_.finish_item();
    }
    const std::int64_t bytes = plan_.examples() * plan_.width * 4;
    const std::int64_t most =
        std::max<std::int64_t>(1, kPassBytes / std::max<std::int64_t>(1, bytes));
    while (progress_.done() <= plan_.n_points()) {
      const std::int64_t first = progress_.done() - 1;
      fit_pass(first, std::min(most, plan_.n_points() - first));
    }
    progress_.keep();
    if (plan_.options.neurons) {
      const NeuronScores neurons =
          measure_neurons(context_.model(), plan_, [&] { progress_.stop_if_cancelled(); });
      fits_.neuron_auroc = neurons.auroc;
      fits_.neuron_effect = neurons.effect_size;
    }
    return std::move(fits_);
  }

 private:
  void fit_input() {
    const auto rows = read({"hook_embed"}).front().to(at::kDouble);
    fits_.input_scores.copy_(cross_validate(plan_, rows, plan_.labels).scores);
  }

  void fit_pass(std::int64_t first, std::int64_t count) {
    std::vector<std::string> names;
    for (std::int64_t i = first; i < first + count; ++i)
      names.push_back(plan_.points[static_cast<std::size_t>(i)].name);
    std::vector<at::Tensor> rows = read(names);
    for (std::int64_t i = 0; i < count; ++i) {
      progress_.stop_if_cancelled();
      at::Tensor& own = rows[static_cast<std::size_t>(i)];
      fit_point(first + i, own.to(at::kDouble));
      own = at::Tensor();
      progress_.finish_item();
    }
  }

  void fit_point(std::int64_t point, const at::Tensor& rows) {
    const CrossValidated found = cross_validate(plan_, rows, plan_.labels);
    fits_.scores[point].copy_(found.scores);
    fits_.lambda[point].copy_(found.lambda);
    fits_.inner_accuracy[point].copy_(found.inner_accuracy);
    if (plan_.controls("shuffled"))
      fits_.shuffled_scores[point].copy_(cross_validate(plan_, rows, plan_.shuffled).scores);
    if (plan_.controls("random_type") && !plan_.of_types.empty())
      fits_.type_scores[point].copy_(cross_validate(plan_, rows, plan_.of_types).scores);
    const WholeFit whole = fit_all(plan_, rows);
    fits_.weights[point].copy_(whole.probe.weights);
    fits_.intercepts[point].copy_(whole.probe.intercepts);
    fits_.whole_lambda[point] = whole.lambda;
    if (plan_.n_classes() == 2)
      fits_.against_means[point] =
          against_means(whole.probe, rows, at::tensor(plan_.labels, at::kLong));
  }

  std::vector<at::Tensor> read(const std::vector<std::string>& names) {
    return tracing::read_rows("probe", context_.model(), names, plan_.tokens, plan_.positions,
                              [&] { progress_.stop_if_cancelled(); });
  }

  Context& context_;
  const ProbePlan& plan_;
  Fits fits_;
  KeptProgress progress_;  ///< the embedding, then each point
};

}  // namespace

std::int64_t fit_items(const ProbePlan& plan) {
  return plan.n_points() + 1;
}

Fits fit_points(Context& context, const ProbePlan& plan) {
  return Fitting(context, plan).finish();
}

}  // namespace lensbench::probing

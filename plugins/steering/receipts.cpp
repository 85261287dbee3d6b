#include "receipts.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>

#include <algorithm>
#include <cmath>
#include <lensbench/sweep_receipts.hpp>
#include <limits>
#include <utility>

#include "common/worst.hpp"

namespace lensbench::steering {
namespace {

at::Tensor logits_of(const SteeringPlan& plan, const std::vector<Intervention>& interventions) {
  return with_interventions(plan.context.shared_model(), interventions)
      ->forward(make_batch(plan.tokens))
      .logits;
}

double largest(const at::Tensor& x) {
  return x.numel() == 0 ? 0.0 : x.to(at::kDouble).abs().max().item<double>();
}

/// 0 if two tensors are equal in every bit, else the largest difference.
double bits_apart(const at::Tensor& a, const at::Tensor& b) {
  if (at::equal(a, b)) return 0;
  return std::max(largest(a.to(at::kDouble) - b.to(at::kDouble)),
                  std::numeric_limits<double>::min());
}

/// Stream of the prompt at a depth in a run with these interventions, [token, d_model] float64.
at::Tensor stream_of(const SteeringPlan& plan, std::int64_t layer,
                     const std::vector<Intervention>& interventions) {
  const auto model = with_interventions(plan.context.shared_model(), interventions);
  at::Tensor stream;
  Hooks hooks;
  hooks.read(residual_hook(model->spec(), layer),
             [&](const at::Tensor& x, const HookPoint&) { stream = x[0]; });
  ForwardOptions options;
  options.logits = ForwardOptions::Logits::none;
  model->forward(make_batch(plan.tokens), options, hooks);
  return stream.to(at::kDouble);
}

/// Errors of the stream of one steered run, relative to the largest number in it.
struct StreamErrors {
  double once = 0;   ///< error of the requested change
  double twice = 0;  ///< error of the change made once more
};

StreamErrors stream_errors(const SteeringPlan& plan, const SteeredLayer& layer) {
  const TransformerSpec& spec = plan.context.model().spec();
  const SteeredRun run = plan.run(layer, 0, strongest(plan.alphas));
  std::vector<Intervention> change = interventions_of(spec, plan.mode, plan.where, run);
  const at::Tensor found = stream_of(plan, layer.layer, change);
  const at::Tensor v = run.direction.to(found.options()), u = v / v.norm();
  const double size = std::max(largest(found), 1e-30);
  StreamErrors errors;
  if (plan.mode == SteeringMode::add) {
    // From the unchanged stream, in float64 and by a sum of its own.
    at::Tensor expected = layer.stream.to(found.options()).clone();
    for (const std::int64_t position : plan.where.of_prompt(plan.tokens.size()))
      expected[position] += run.amount * v;
    errors.once = largest(found - expected) / size;
    return errors;
  }
  const double component = plan.mode == SteeringMode::clamp ? run.amount : 0.0;
  for (const std::int64_t position : plan.where.of_prompt(plan.tokens.size()))
    errors.once =
        worst_of(errors.once, std::abs(found[position].dot(u).item<double>() - component) / size);
  // A projection, and setting a component, must be idempotent.
  change.push_back(change.front());
  errors.twice = largest(stream_of(plan, layer.layer, change) - found) / size;
  return errors;
}

/// The worst receipt of each kind among the depths.
void add_worst(Dataset& dataset, const std::vector<PromptGrid>& grids) {
  std::vector<Receipt> worst = grids.front().receipts;
  for (const PromptGrid& grid : grids)
    for (std::size_t i = 0; i < worst.size(); ++i)
      if (is_worse(grid.receipts[i], worst[i])) worst[i] = grid.receipts[i];
  dataset.receipts.insert(dataset.receipts.end(), worst.begin(), worst.end());
}

}  // namespace

double strongest(const std::vector<double>& alphas) {
  return *std::max_element(alphas.begin(), alphas.end(),
                           [](double a, double b) { return std::abs(a) < std::abs(b); });
}

Receipt alpha_zero(const SteeringPlan& plan, const std::vector<SteeredLayer>& layers) {
  const TransformerSpec& spec = plan.context.model().spec();
  const bool clamp = plan.mode == SteeringMode::clamp;
  // Where only generated tokens are steered, the whole prompt represents them.
  SteeredTokens where = plan.where;
  if (where.part == SteeredPart::generated) where.part = SteeredPart::all;
  double worst = 0;
  for (const SteeredLayer& layer : layers) {
    const SteeredRun run{layer.layer, layer.directions[0], 0.0};
    const auto logits = [&](SteeringMode mode) {
      return logits_of(plan, interventions_of(spec, mode, where, run));
    };
    worst = worst_of(worst,
                     clamp ? bits_apart(logits(SteeringMode::clamp), logits(SteeringMode::project))
                           : bits_apart(logits(SteeringMode::add), logits_of(plan, {})));
  }
  return clamp ? make_receipt("alpha_zero_is_the_projected_run", worst, 0,
                              "component 0 gives the logits of mode=project in every bit")
               : make_receipt("alpha_zero_equals_the_base", worst, 0,
                              "alpha 0 leaves the logits of the prompt equal in every bit");
}

std::vector<Receipt> steered_stream(const SteeringPlan& plan,
                                    const std::vector<SteeredLayer>& layers) {
  StreamErrors worst;
  for (const SteeredLayer& layer : layers) {
    const StreamErrors errors = stream_errors(plan, layer);
    worst.once = worst_of(worst.once, errors.once);
    worst.twice = worst_of(worst.twice, errors.twice);
  }
  const double tolerance = rounding_tolerance(plan.context.model());
  const char* relative =
      "the strongest cell of each layer; relative to the largest number of the "
      "stream; order of rounding";
  if (plan.mode == SteeringMode::add)
    return {make_receipt("direction_is_added_once", worst.once, tolerance, relative)};
  return {make_receipt("component_is_the_one_asked_for", worst.once, tolerance, relative),
          make_receipt("steering_twice_changes_nothing", worst.twice, tolerance, relative)};
}

Receipt stored_interventions(const SteeringPlan& plan, const std::vector<SteeredLayer>& layers,
                             const std::vector<PromptGrid>& grids) {
  const TransformerSpec& spec = plan.context.model().spec();
  const double alpha = strongest(plan.alphas);
  const auto column = static_cast<std::int64_t>(
      std::find(plan.alphas.begin(), plan.alphas.end(), alpha) - plan.alphas.begin());
  double worst = 0;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const SteeredRun run = plan.run(layers[i], 0, alpha);
    // Through text, as an archive and a file of interventions hold them.
    const std::string stored =
        interventions_to_json(interventions_of(spec, plan.mode, plan.where, run));
    const auto model = with_interventions(plan.context.shared_model(),
                                          interventions_from_json(stored, "steering"));
    ForwardOptions options;
    options.logits = ForwardOptions::Logits::none;
    const at::Tensor rows =
        model->forward(make_batch(plan.tokens), options).residual.select(1, plan.reader.position());
    const double found = plan.reader(rows).flatten()[0].item<double>();
    const double size = std::max(largest(grids[i].metric), std::abs(grids[i].base));
    worst = worst_of(
        worst, std::abs(found - grids[i].metric[0][column].item<double>()) / std::max(size, 1e-30));
  }
  return make_receipt("stored_interventions_replay_the_result", worst,
                      rounding_tolerance(plan.context.model()),
                      "the strongest cell of each layer; relative to the largest metric; order of "
                      "rounding");
}

Receipt controls_fit(const std::vector<SteeredLayer>& layers) {
  double worst = 0;
  for (const SteeredLayer& layer : layers) {
    const at::Tensor all = layer.directions.to(at::kDouble);
    const at::Tensor v = all[0], controls = all.narrow(0, 1, all.size(0) - 1);
    const double norm = v.norm().item<double>();
    worst = worst_of(worst, worst_of(largest(controls.matmul(v)) / (norm * norm),
                                     largest(controls.norm(2, {1}) / norm - 1)));
  }
  return make_receipt("random_directions_are_orthogonal_and_as_long", worst, 1e-5,
                      "relative to the length of the direction; float32");
}

void add_receipts(Dataset& dataset, const SteeringPlan& plan,
                  const std::vector<SteeredLayer>& layers, const std::vector<PromptGrid>& grids,
                  bool any_change) {
  const bool prompt = !plan.where.of_prompt(plan.tokens.size()).empty();
  // The unchanged run of `project` has no intervention to check.
  if (plan.mode != SteeringMode::project) dataset.receipts.push_back(alpha_zero(plan, layers));
  if (prompt) {
    for (Receipt& receipt : steered_stream(plan, layers))
      dataset.receipts.push_back(std::move(receipt));
    dataset.receipts.push_back(stored_interventions(plan, layers, grids));
    add_worst(dataset, grids);
  }
  dataset.receipts.push_back(make_receipt("no_write_was_without_effect", any_change ? 0 : 1, 0,
                                          "1: every cell left the metric, and the logits of "
                                          "generated tokens, equal in every bit"));
  dataset.receipts.push_back(controls_fit(layers));
}

}  // namespace lensbench::steering

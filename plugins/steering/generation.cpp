#include "generation.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <lensbench/sweep_receipts.hpp>
#include <string>
#include <utility>

#include "common/number_text.hpp"
#include "generated.hpp"
#include "receipts.hpp"
#include "result.hpp"

namespace lensbench::steering {
namespace {

/// Texts of the cells along the direction itself, one for each depth and strength.
void add_texts(Dataset& dataset, const SteeringPlan& plan, const std::vector<SteeredLayer>& layers,
               const std::vector<Generated>& runs) {
  std::vector<std::string> labels, texts;
  std::size_t first = 0;
  for (const SteeredLayer& layer : layers) {
    for (std::size_t a = 0; a < plan.alphas.size(); ++a) {
      // A text has one axis, so a cell is named in words.
      labels.push_back("layer " + std::to_string(layer.layer) + ", alpha " +
                       tracing::number_text(plan.alphas[a]));
      std::string text;
      for (const std::string& token : to_str_tokens(plan.context.model(), runs[first + a].ids))
        text += token;
      texts.push_back(std::move(text));
    }
    first += plan.alphas.size() * static_cast<std::size_t>(layer.directions.size(0));
  }
  dataset.add_coordinate("cell", labels, "layer and alpha of a text");
  dataset.add("generated_text", "cell", texts, "generated tokens as text");
}

/// Numbers of all cells, [layer, 1 + draw, alpha].
struct CellNumbers {
  at::Tensor ids;  ///< with an axis of steps in addition
  at::Tensor perplexity, share, distinct;
};

CellNumbers numbers_of(const SteeringPlan& plan, const std::vector<SteeredLayer>& layers,
                       const std::vector<Generated>& runs, const std::vector<std::int64_t>& targets,
                       std::int64_t steps) {
  CellNumbers found;
  const auto n = static_cast<std::int64_t>(layers.size());
  const std::int64_t directions = layers.front().directions.size(0), alphas = plan.n_alphas();
  found.ids = at::full({n, directions, alphas, steps}, -1, at::kInt);
  found.perplexity = at::empty({n, directions, alphas}, at::kDouble);
  found.share = at::empty({n, directions, alphas}, at::kDouble);
  found.distinct = at::empty({n, directions, alphas}, at::kDouble);
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const std::vector<std::int64_t>& made = runs[i].ids;
    const auto at_run = static_cast<std::int64_t>(i);
    found.ids.view({-1, steps})[at_run]
        .narrow(0, 0, std::ssize(made))
        .copy_(at::tensor(made, at::kLong));
    const GeneratedScores scores = scores_of(plan.context.model(), plan.tokens, made, targets);
    found.perplexity.view(-1)[at_run] = scores.perplexity;
    found.share.view(-1)[at_run] = scores.target_share;
    found.distinct.view(-1)[at_run] = scores.distinct_2;
  }
  return found;
}

/// The cells along random directions, [layer, alpha, draw].
at::Tensor of_controls(const at::Tensor& all) {
  return all.narrow(1, 1, all.size(1) - 1).transpose(1, 2).contiguous();
}

/// What is measured on generated text. \param runs  in the order of layers, directions and alphas
/// \param targets  tokens that are counted
void add_generated(Dataset& dataset, const SteeringPlan& plan,
                   const std::vector<SteeredLayer>& layers, const std::vector<Generated>& runs,
                   const std::vector<std::int64_t>& targets, std::int64_t steps) {
  const CellNumbers found = numbers_of(plan, layers, runs, targets, steps);
  const auto own = [](const at::Tensor& all) { return all.select(1, 0); };
  const std::vector<std::string> grid = {"layer", "alpha"}, draws = {"layer", "alpha", "draw"};
  dataset.add_coordinate("step", at::arange(steps, at::kInt), "generated token");
  dataset.add("generated_id", {"layer", "alpha", "step"}, own(found.ids), "1",
              "generated tokens (-1: after the end)", Holds::token_ids);
  add_texts(dataset, plan, layers, runs);
  dataset.add("generated_perplexity", grid, own(found.perplexity), "1",
              "perplexity of the generated tokens in the unchanged model");
  dataset.add("target_share", grid, own(found.share), "1",
              "share of the target tokens among the generated ones");
  dataset.add("distinct_2", grid, own(found.distinct), "1",
              "different pairs of neighbours among all generated pairs (NaN: fewer than 2 tokens)");
  dataset.add("control_generated_perplexity", draws, of_controls(found.perplexity), "1",
              "generated_perplexity along a random direction of equal length");
  dataset.add("control_target_share", draws, of_controls(found.share), "1",
              "target_share along a random direction of equal length");
}

std::vector<SteeredRun> all_runs(const SteeringPlan& plan,
                                 const std::vector<SteeredLayer>& layers) {
  std::vector<SteeredRun> runs;
  for (const SteeredLayer& layer : layers)
    for (std::int64_t direction = 0; direction < layer.directions.size(0); ++direction)
      for (const double alpha : plan.alphas) runs.push_back(plan.run(layer, direction, alpha));
  return runs;
}

}  // namespace

bool add_generation(Dataset& dataset, const SteeringPlan& plan,
                    const std::vector<SteeredLayer>& layers, const SteeringOptions& options,
                    const std::vector<std::int64_t>& targets) {
  GenerationOptions generation;
  generation.max_new_tokens = options.max_new_tokens;
  generation.sampling.temperature = options.temperature;
  generation.sampling.seed = plan.seed;
  const std::vector<Generated> runs = generate_runs(plan, all_runs(plan, layers), generation);
  add_generated(dataset, plan, layers, runs, targets, options.max_new_tokens);
  const SteeredRun run = plan.run(layers.front(), 0, strongest(plan.alphas));
  dataset.receipts.push_back(make_receipt(
      "generation_with_and_without_cache_agrees", uncached_error(plan, run, generation),
      10 * rounding_tolerance(plan.context.model()),
      "logits of the strongest cell of the first layer, in a batch with a cache and "
      "alone without one, up to the first tie; relative to the largest logit"));
  return std::any_of(runs.begin(), runs.end(), [&](const Generated& one) {
    return one.ids != runs.front().ids || one.logit_sum != runs.front().logit_sum;
  });
}

}  // namespace lensbench::steering

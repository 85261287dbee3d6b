#include "relation_map.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>
#include <lensbench/error.hpp>
#include <lensbench/gradients.hpp>
#include <lensbench/random.hpp>
#include <lensbench/readout.hpp>
#include <limits>
#include <set>
#include <tuple>

#include "common/worst.hpp"

namespace lensbench::facts {
namespace {

/// Philox stream of the training subjects.
constexpr std::uint64_t kMapStream = 0x66616d70;
/// Backward passes over one graph: each keeps the gradients of all positions.
constexpr std::int64_t kPassesPerGraph = 8;
constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

/// Streams of the subject's last token at a depth and of the last token after all blocks.
Linearization streams_of(const Model& model, const Prompt& prompt, std::int64_t layer) {
  Linearization found;
  Hooks hooks;
  hooks.read(residual_hook(model.spec(), layer), [&](const at::Tensor& x, const HookPoint&) {
    found.subject = x[0][prompt.subject.back()].to(at::kCPU).to(at::kDouble);
  });
  ForwardOptions options;
  options.logits = ForwardOptions::Logits::none;
  const at::Tensor last = model.forward(make_batch(prompt.tokens), options, hooks).residual[0][-1];
  found.object = last.to(at::kCPU).to(at::kDouble);
  return found;
}

/// Rows [first, first + count) of the Jacobian: row r of a batch of equal prompts has the seed of
/// dimension first + pass * rows + r.
at::Tensor jacobian_rows(const Model& model, const Prompt& prompt, std::int64_t layer,
                         std::int64_t first, std::int64_t count, std::int64_t rows) {
  TokenBatch batch = make_batch(prompt.tokens);
  batch.ids = batch.ids.expand({rows, -1});
  const std::string point = residual_hook(model.spec(), layer);
  std::vector<at::Tensor> seeds;
  for (std::int64_t start = 0; start < count; start += rows) {
    at::Tensor seed = at::zeros({rows, model.spec().d_model}, at::kFloat);
    for (std::int64_t row = 0; row < std::min(rows, count - start); ++row)
      seed[row][first + start + row] = 1.0;
    seeds.push_back(seed.to(model.options().dtype).to(model.options().device));
  }
  const RunFunction last = [](const at::Tensor& residual, const RecordedActivations&) {
    return residual.select(1, -1);
  };
  std::vector<at::Tensor> parts;
  for (const auto& found : vector_jacobian_products(model, batch, {point}, last, seeds))
    parts.push_back(found.at(point).select(1, prompt.subject.back()).to(at::kCPU).to(at::kDouble));
  return at::cat(parts).narrow(0, 0, count);
}

/// First choices of rows of the last stream, [row, d_model].
std::vector<std::int64_t> first_choices(const Model& model, const at::Tensor& rows) {
  ReadoutOptions options;
  options.top_k = 1;
  options.entropy = false;
  options.kl_to_last = false;
  const at::Tensor streams = rows.to(model.options().dtype).to(model.options().device);
  const at::Tensor ids =
      read_out(model.unembedding(), model.final_norm(streams).unsqueeze(0), options).top_ids[0];
  std::vector<std::int64_t> choices;
  for (std::int64_t row = 0; row < ids.size(0); ++row)
    choices.push_back(ids[row][0].item<std::int64_t>());
  return choices;
}

double share_equal(const std::vector<std::int64_t>& a, const std::vector<std::int64_t>& b) {
  double equal = 0;
  for (std::size_t i = 0; i < a.size(); ++i) equal += a[i] == b[i] ? 1.0 : 0.0;
  return a.empty() ? kMissing : equal / static_cast<double>(a.size());
}

/// The map's outputs and the model's own last streams.
struct MapOutputs {
  at::Tensor mapped, own, control;  ///< [prompt, d_model]
};

MapOutputs apply(const Model& model, const FactsPlan& plan, const std::vector<std::size_t>& prompts,
                 const RelationMap& map, std::int64_t layer, double beta) {
  std::vector<at::Tensor> mapped, own, control;
  for (const std::size_t index : prompts) {
    const Linearization streams = streams_of(model, plan.prompts[index], layer);
    mapped.push_back(map.weight.matmul(streams.subject) * beta + map.bias);
    own.push_back(streams.object);
    control.push_back(map.mean_object);
  }
  return {at::stack(mapped), at::stack(own), at::stack(control)};
}

/// Largest difference of three rows that are computed alone, relative to the largest entry.
double error_of_single_rows(const Model& model, const Prompt& prompt, std::int64_t layer,
                            const at::Tensor& jacobian) {
  const std::int64_t width = jacobian.size(0);
  double worst = 0;
  for (const std::int64_t row : {std::int64_t{0}, width / 2, width - 1}) {
    const at::Tensor alone = jacobian_rows(model, prompt, layer, row, 1, 1)[0];
    worst = worst_of(worst, (alone - jacobian[row]).abs().max().item<double>());
  }
  return worst / std::max(jacobian.abs().max().item<double>(), 1e-30);
}

}  // namespace

Linearization linearize(const Model& model, const Prompt& prompt, std::int64_t layer,
                        std::int64_t rows) {
  Linearization found = streams_of(model, prompt, layer);
  const std::int64_t width = model.spec().d_model, together = std::min(rows, width);
  std::vector<at::Tensor> parts;
  for (std::int64_t first = 0; first < width; first += together * kPassesPerGraph)
    parts.push_back(jacobian_rows(model, prompt, layer, first,
                                  std::min(together * kPassesPerGraph, width - first), together));
  found.jacobian = at::cat(parts);
  return found;
}

void MapFit::add(const Linearization& part) {
  const at::Tensor bias = part.object - part.jacobian.matmul(part.subject);
  if (count_++ == 0) {
    sum_ = {part.jacobian.clone(), bias, part.object.clone()};
    return;
  }
  sum_.weight += part.jacobian;
  sum_.bias += bias;
  sum_.mean_object += part.object;
}

RelationMap MapFit::map() const {
  const auto count = static_cast<double>(count_);
  return {sum_.weight / count, sum_.bias / count, sum_.mean_object / count};
}

MapSplit split_subjects(const FactsPlan& plan, std::size_t relation, std::int64_t most_training,
                        std::uint64_t seed) {
  std::vector<std::size_t> prompts;
  std::set<std::string> seen;
  for (const PlannedFact& fact : plan.facts)
    if (fact.relation == relation && seen.insert(trimmed(fact.fact().subject)).second)
      prompts.push_back(fact.templates.front().object.prompt);
  // The order of the file is often one of kinds of subjects.
  Philox random(seed, kMapStream);
  for (std::size_t i = prompts.size(); i > 1; --i)
    std::swap(prompts[i - 1], prompts[random.below(i)]);
  const auto training = std::min<std::ptrdiff_t>(most_training, std::ssize(prompts) / 2);
  return {{prompts.begin(), prompts.begin() + training},
          {prompts.begin() + training, prompts.end()}};
}

double map_agreement(const Model& model, const FactsPlan& plan,
                     const std::vector<std::size_t>& prompts, const RelationMap& map,
                     std::int64_t layer, double beta) {
  const MapOutputs outputs = apply(model, plan, prompts, map, layer, beta);
  return share_equal(first_choices(model, outputs.mapped), first_choices(model, outputs.own));
}

MapResult measure_map(const Context& context, const FactsPlan& plan, std::size_t relation,
                      const FactsOptions& options, const std::function<void()>& finished) {
  const Model& model = context.model();
  const MapSplit split = split_subjects(plan, relation, options.map_training, context.seed());
  MapResult result{kMissing, kMissing, kMissing, kMissing, std::ssize(split.training), 0, 0};
  // A relation of one subject has nothing to fit.
  if (split.training.empty()) return result;
  result.held_out = std::ssize(split.held_out);
  MapFit fit;
  for (const std::size_t index : split.training) {
    if (context.cancelled()) throw RunError("facts: the run was interrupted");
    const Prompt& prompt = plan.prompts[index];
    const Linearization part = linearize(model, prompt, options.map_layer, options.most_rows);
    if (index == split.training.front())
      result.single_row_error =
          error_of_single_rows(model, prompt, options.map_layer, part.jacobian);
    fit.add(part);
    finished();
  }
  const RelationMap map = fit.map();
  const MapOutputs outputs =
      apply(model, plan, split.held_out, map, options.map_layer, options.map_beta);
  const auto own = first_choices(model, outputs.own);
  result.faithfulness = share_equal(first_choices(model, outputs.mapped), own);
  result.control = share_equal(first_choices(model, outputs.control), own);
  std::tie(result.low, result.high) = wilson_interval(result.faithfulness, result.held_out);
  return result;
}

std::pair<double, double> wilson_interval(double share, std::int64_t cases) {
  if (cases == 0) return {kMissing, kMissing};
  constexpr double z = 1.959963984540054;  // 97.5 % quantile of the standard normal distribution
  const auto n = static_cast<double>(cases);
  const double middle = (share + z * z / (2 * n)) / (1 + z * z / n);
  const double half =
      z / (1 + z * z / n) * std::sqrt(share * (1 - share) / n + z * z / (4 * n * n));
  return {std::max(0.0, middle - half), std::min(1.0, middle + half)};
}

}  // namespace lensbench::facts

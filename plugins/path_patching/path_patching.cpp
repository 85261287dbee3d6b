#include "path_patching.hpp"

#include <ATen/ops/scalar_tensor.h>

#include <algorithm>
#include <lensbench/error.hpp>

#include "common/same_prompt.hpp"
#include "common/text_alone.hpp"
#include "nodes.hpp"
#include "paths.hpp"
#include "receipts.hpp"
#include "runs.hpp"

namespace lensbench::paths {
namespace {

PathPatchingOptions options_of(const Model& model, const Parameters& parameters) {
  PathPatchingOptions options;
  options.metric = metric_options(model, parameters);
  options.direction = parse_direction(parameters.text("direction"));
  options.senders = parameters.list("senders");
  options.receivers = parameters.list("receivers");
  options.recompute_mlps = parameters.text("mlps") == "recomputed";
  options.by_position = parameters.boolean("by_position");
  options.most_cells = parameters.integer("most_cells");
  options.min_gap = parameters.number("min_gap");
  return options;
}

template <class Node>
std::vector<std::string> labels_of(const std::vector<Node>& nodes) {
  std::vector<std::string> labels;
  labels.reserve(nodes.size());
  for (const Node& node : nodes) labels.push_back(node.label);
  return labels;
}

bool reads_logits(const std::vector<Receiver>& receivers) {
  return std::any_of(receivers.begin(), receivers.end(), [](const Receiver& receiver) {
    return receiver.kind == Receiver::Kind::logits;
  });
}

void add_scalar(Dataset& dataset, const char* name, double value, const char* units,
                const char* long_name) {
  dataset.add(name, {}, at::scalar_tensor(value, at::kDouble), units, long_name);
}

/// Effect and recovery [sender, receiver] or [sender, receiver, token]: recovery is the effect in
/// units of the gap between both runs, so that prompts can be compared.
void add_paths(Dataset& dataset, const Plan& plan, const PathSweep& sweep, const Gap& gap,
               const char* units) {
  dataset.add_coordinate("sender", labels_of(plan.senders), "what writes to the stream");
  dataset.add_coordinate("receiver", labels_of(plan.receivers), "what reads the stream");
  std::vector<std::string> dims = {"sender", "receiver"};
  if (plan.options.by_position) dims.emplace_back("token");
  const std::string where = plan.options.by_position ? "this position" : "all positions";
  dataset.add(
      "effect", dims, gap.effect(sweep.metrics), units,
      "metric with the sender's output replaced at " + where +
          " for this receiver alone, minus the base metric (NaN: the receiver is not later)");
  dataset.add("recovery", dims, gap.recovery(sweep.metrics), "1",
              "effect of the sender's output replaced at " + where +
                  " for this receiver alone, divided by the gap (NaN: the receiver is not later, "
                  "or gap below min_gap)");
  add_scalar(dataset, "base_metric", gap.base, units, "metric of the run that is changed");
  add_scalar(dataset, "source_metric", gap.source, units,
             "metric of the run that values come from");
  add_scalar(dataset, "gap", gap.value(), units, "source_metric minus base_metric");
}

void add_options(Dataset& dataset, const PathPatchingOptions& options) {
  dataset.attributes["senders"] = options.senders;
  dataset.attributes["receivers"] = options.receivers;
  dataset.attributes["mlps"] = std::string(options.recompute_mlps ? "recomputed" : "frozen");
  dataset.attributes["by_position"] = static_cast<std::int64_t>(options.by_position);
  dataset.attributes["most_cells"] = options.most_cells;
  dataset.attributes["min_gap"] = options.min_gap;
}

/// Says what the effects claim, for `lensbench grade`: the direct path to the logits, by which the
/// metric of the clean run falls where a component matters.
void add_claims(Dataset& dataset, const PathPatchingOptions& options, Metric metric) {
  if (options.direction != Direction::noise || options.by_position ||
      metric != Metric::logit_difference)
    return;
  dataset.set_attribute("effect", "claim", "effect.direct where receiver=logits negated");
}

/// Hook points of receivers, each once.
std::vector<std::string> receiver_hooks(const std::vector<Receiver>& receivers) {
  std::vector<std::string> hooks;
  for (const Receiver& receiver : receivers)
    if (std::find(hooks.begin(), hooks.end(), receiver.hook()) == hooks.end())
      hooks.emplace_back(receiver.hook());
  return hooks;
}

/// Receipts compare all paths that were run, and the batch with the largest effect with single
/// runs.
std::vector<Receipt> receipts_of(const Plan& plan, const PathSweep& sweep, const Gap& gap) {
  const Model& model = plan.pair.model();
  SweepResult all;
  const at::Tensor found = sweep.metrics.flatten();
  // Pairs that are not paths are NaN and left out.
  all.metrics = found.masked_select(found.isnan().logical_not()).view({1, -1, 1});
  all.base_metrics = at::scalar_tensor(sweep.base_metric, at::kDouble).view({1, 1});
  const SweepCheck check{model, plan.pair.tokens(), sweep.cells, plan.metrics, sweep.options,
                         all,   gap.value()};
  const SweepCheck runs{model,         plan.pair.tokens(), sweep.cells, plan.metrics,
                        sweep.options, sweep.result,       gap.value()};
  std::vector<Receipt> receipts = {self_replacement(check, receiver_hooks(plan.receivers))};
  // Nothing was run if no sender differs between the prompts.
  if (sweep.cells.empty()) {
    receipts.push_back(some_write_has_effect(check, all.metrics.size(1)));
  } else {
    receipts.push_back(some_write_has_effect(runs, std::ssize(sweep.cells)));
    receipts.push_back(batched_equals_single(runs));
  }
  receipts.push_back(
      all_paths_give_the_source(check, plan.pair, gap.source, plan.options.recompute_mlps));
  return receipts;
}

}  // namespace

/// Where the stream is normalised after each addition, what a sender writes is not a term of it,
/// and in latent attention heads do not have inputs of their own.
void PathPatchingTool::check_compatible(const Model& model) const {
  if (model.spec().latent)
    throw UsageError("path_patching: all heads of '" + model.spec().family +
                     "' read their keys and values from one latent vector, so that paths into "
                     "heads cannot be told apart; use activation_patching");
  if (model.spec().norm_placement != NormPlacement::after_add) return;
  throw UsageError("path_patching: '" + model.spec().family +
                   "' normalises its stream after each addition, so the stream is not a sum of "
                   "what senders write; use activation_patching");
}

/// Names are parsed with the model, which says which blocks and heads exist.
void PathPatchingTool::check_parameters(const Parameters& parameters) const {
  options_of(model(), parameters);
  const TransformerSpec& spec = model().spec();
  require_paths(spec, parse_senders(spec, parameters.list("senders")),
                parse_receivers(spec, parameters.list("receivers")));
}

/// An upper bound: prompts that differ at few positions cost less.
CostEstimate PathPatchingTool::estimate(const Request& request) const {
  const PathPatchingOptions options = options_of(model(), request.parameters());
  const TransformerSpec& spec = model().spec();
  const auto senders = parse_senders(spec, options.senders);
  const SweepCost cost = paths_cost(spec, request.tokens().size(), senders,
                                    parse_receivers(spec, options.receivers), options);
  return {cost.flops, cost.bytes, static_cast<std::int64_t>(senders.size())};
}

Dataset PathPatchingTool::run(const Request& request) {
  return patch_paths(request.tokens(), request.corrupted(), target_of(model(), request),
                     options_of(model(), request.parameters()));
}

Dataset PathPatchingTool::patch_paths(const Tokens& clean, const Tokens& corrupted,
                                      const Target& target, const PathPatchingOptions& options) {
  check_compatible(model());
  const TransformerSpec& spec = model().spec();
  const auto senders = parse_senders(spec, options.senders);
  const auto receivers = parse_receivers(spec, options.receivers);
  require_paths(spec, senders, receivers);
  // Runs with MLPs recomputed are batches of token ids.
  if (options.recompute_mlps) tracing::refuse_pictures("path_patching with mlps=recomputed", clean);
  const PairedRuns runs("path_patching", clean, corrupted, options.direction);
  if (common::same_prompt(clean, corrupted))
    throw UsageError(
        "path_patching: the two prompts are equal token for token; give a second prompt that "
        "differs");
  // Both runs once; all paths use their activations.
  const RunPair pair(model(), runs.base(), runs.source());
  const bool noise = options.direction == Direction::noise;
  // The target `model` is the prediction on the clean prompt, whichever run is changed.
  MetricReader reader("path_patching", model(), clean,
                      noise ? pair.base().last : pair.source().last, target, options.metric);
  // Metrics that compare distributions need that of the unchanged run.
  reader.set_base(pair.base().last[reader.position()]);
  const Plan plan{context(), pair, senders, receivers, options, reader.rows(), reader.position()};
  const PathSweep sweep = sweep_paths(plan);
  const Gap gap{sweep.base_metric,
                reader(pair.source().last.narrow(0, reader.position(), 1)).item<double>(),
                options.min_gap};

  Dataset dataset;
  runs.describe(dataset);
  add_paths(dataset, plan, sweep, gap, reader.units());
  reader.describe(dataset);
  add_options(dataset, options);
  Provenance{.definition = "path_patching/1",
             .rule = options.recompute_mlps ? "mlps_recomputed" : "mlps_frozen"}
      .describe(dataset);
  dataset.receipts = receipts_of(plan, sweep, gap);
  // The exact direct effect exists only where nothing between sender and logits is recomputed.
  if (options.recompute_mlps || !reads_logits(receivers)) return dataset;
  add_claims(dataset, options, reader.metric());
  const at::Tensor direct = frozen_norm_effects(pair, senders, reader);
  dataset.add("frozen_norm_effect", {"sender"}, direct, "1",
              "change of the target's logit (less that of versus) by the direct path, with the "
              "scale of the final norm held at that of the base run");
  dataset.receipts.push_back(
      frozen_norm_is_direct_attribution(pair, runs.source(), senders, reader, direct));
  return dataset;
}

}  // namespace lensbench::paths

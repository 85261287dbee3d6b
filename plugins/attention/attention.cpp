#include "attention.hpp"

#include <ATen/ops/arange.h>

#include <lensbench/error.hpp>

#include "flow.hpp"
#include "observer.hpp"
#include "result.hpp"

namespace lensbench::attention {
namespace {

/// Index from the start. \throws UsageError for a position outside the prompt
std::int64_t checked_position(std::int64_t position, std::int64_t length) {
  const std::int64_t index = position < 0 ? position + length : position;
  if (index >= 0 && index < length) return index;
  throw UsageError("attention: position " + std::to_string(position) +
                   " is outside the prompt of " + std::to_string(length) + " tokens; give 0 to " +
                   std::to_string(length - 1) + ", or -1 to -" + std::to_string(length) +
                   " to count from the end");
}

/// Sets what the plan computes of flow. A name given twice is taken for a mistake.
void read_flow(const std::vector<std::string>& names, ObservationPlan& plan) {
  for (const std::string& name : names) {
    bool* const wanted = name == "rollout"    ? &plan.rollout
                         : name == "max_flow" ? &plan.max_flow
                                              : nullptr;
    if (wanted == nullptr)
      throw UsageError("attention: flow '" + name + "' is unknown; known are rollout, max_flow");
    if (*wanted) throw UsageError("attention: flow '" + name + "' is named twice; name it once");
    *wanted = true;
  }
}

/// True at tokens that the tokenizer calls special; empty without a tokenizer.
std::vector<bool> special_tokens(const Model& model, const Tokens& tokens) {
  std::vector<bool> special;
  const std::shared_ptr<const Tokenizer> tokenizer = model.tokenizer();
  if (tokenizer == nullptr) return special;
  for (const std::int64_t id : tokens.ids) special.push_back(tokenizer->is_special(id));
  return special;
}

/// Patterns grow with the square of the prompt: they are refused before the forward, not after it.
void check_size(const TransformerSpec& spec, const ObservationPlan& plan, std::int64_t n_tokens,
                std::int64_t limit) {
  const std::int64_t bytes = stored_bytes(spec, plan, n_tokens);
  if (bytes <= limit) return;
  throw UsageError("attention: the patterns" + std::string(plan.rollout ? " and the rollout" : "") +
                   " of " + std::to_string(n_tokens) + " tokens take " + std::to_string(bytes) +
                   " bytes, more than max_pattern_bytes (" + std::to_string(limit) +
                   "); set patterns=none or name heads (patterns=L0H0,L1H2)" +
                   (plan.rollout ? ", leave out flow=rollout," : "") +
                   " or raise max_pattern_bytes");
}

/// Everything that the observation needs to know before the forward; options that do not fit the
/// prompt fail here, not after it.
ObservationPlan make_plan(const Model& model, const Tokens& tokens,
                          const AttentionOptions& options) {
  ObservationPlan plan;
  plan.kept = parse_patterns(options.patterns, model.spec());
  plan.measures.detectors = parse_detectors(options.detectors);
  // Masks depend on the tokens alone, so they are made once for all heads.
  plan.measures.exclusion = {options.exclude_first, options.exclude_current};
  for (const Detector detector : plan.measures.detectors)
    plan.measures.masks.push_back(detector_mask(detector, tokens.ids, plan.measures.exclusion));
  plan.measures.special = special_tokens(model, tokens);
  plan.measures.top_k = options.top_k;
  read_flow(options.flow, plan);
  plan.residual_weight = options.residual_weight;
  plan.position = checked_position(options.position, tokens.size());
  check_size(model.spec(), plan, tokens.size(), options.max_pattern_bytes);
  // The maximum flow takes a graph of layers x tokens nodes for each token.
  if (plan.max_flow && tokens.size() > kMostFlowTokens)
    throw UsageError("attention: flow=max_flow takes at most " + std::to_string(kMostFlowTokens) +
                     " tokens (found " + std::to_string(tokens.size()) +
                     "); shorten the prompt or leave out max_flow");
  return plan;
}

void check_options(const AttentionOptions& options) {
  if (options.top_k < 0)
    throw UsageError("attention: top_k is " + std::to_string(options.top_k) +
                     "; give the number of keys to list, or 0 for none");
  // A weight of 1 would ignore attention altogether; the condition also refuses NaN.
  if (!(options.residual_weight >= 0.0 && options.residual_weight < 1.0))
    throw UsageError("attention: residual_weight is " + std::to_string(options.residual_weight) +
                     "; give a number of at least 0 and below 1");
}

AttentionOptions options_of(const Parameters& parameters) {
  AttentionOptions options;
  options.patterns = parameters.list("patterns");
  options.max_pattern_bytes = parameters.integer("max_pattern_bytes");
  options.detectors = parameters.list("detectors");
  options.exclude_first = parameters.boolean("exclude_first");
  options.exclude_current = parameters.boolean("exclude_current");
  options.top_k = parameters.integer("top_k");
  options.flow = parameters.list("flow");
  options.residual_weight = parameters.number("residual_weight");
  options.position = parameters.integer("position");
  return options;
}

}  // namespace

/// Every measure here takes the weights of a query as shares of 1.
void AttentionTool::check_compatible(const Model& model) const {
  if (!model.spec().attention_sinks) return;
  throw UsageError("attention: '" + model.spec().family +
                   "' has attention sinks, so the weights of a query sum to less than 1; read "
                   "attn.hook_pattern with the tool activations");
}

void AttentionTool::check_parameters(const Parameters& parameters) const {
  const AttentionOptions options = options_of(parameters);
  parse_patterns(options.patterns, model().spec());
  check_options(options);
}

Dataset AttentionTool::run(const Request& request) {
  return analyze(request.tokens(), options_of(request.parameters()));
}

/// One forward gives everything; the dataset is put together afterwards.
Dataset AttentionTool::analyze(const Tokens& tokens, const AttentionOptions& options) {
  if (tokens.size() == 0)
    throw UsageError("attention: the prompt is empty; give at least one token");
  check_options(options);
  const TransformerSpec& spec = model().spec();
  const ObservationPlan plan = make_plan(model(), tokens, options);
  const Observation seen = observe(context(), tokens, plan);

  Dataset dataset;
  add_token_axis(dataset, tokens.ids, tokens.texts);
  dataset.add_coordinate("block", at::arange(spec.n_layers, at::kInt), "block, counted from 0");
  dataset.add_coordinate("head", at::arange(spec.attention.n_heads, at::kInt), "attention head");
  add_observation(dataset, plan, seen, tokens.size());
  add_attributes(dataset, options, plan);
  add_receipts(dataset, plan, seen);
  return dataset;
}

}  // namespace lensbench::attention

#include "steering.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/stack.h>

#include <algorithm>
#include <cmath>
#include <lensbench/corpus.hpp>
#include <lensbench/error.hpp>
#include <lensbench/statistics.hpp>
#include <limits>

#include "common/text_alone.hpp"
#include "directions.hpp"
#include "generation.hpp"
#include "neutral.hpp"
#include "options.hpp"
#include "receipts.hpp"
#include "result.hpp"

namespace lensbench::steering {
namespace {

/// Streams of a prompt at one position, [layer, d_model] float64.
at::Tensor streams_at(Context& context, const Tokens& tokens,
                      const std::vector<std::int64_t>& layers, std::int64_t position) {
  const std::int64_t at_token = resolve_position("steering: align", position, tokens.size());
  std::vector<std::string> hooks;
  hooks.reserve(layers.size());
  for (const std::int64_t layer : layers)
    hooks.push_back(residual_hook(context.model().spec(), layer));
  const auto activations = context.activations(tokens, hooks);
  std::vector<at::Tensor> rows;
  rows.reserve(hooks.size());
  for (const std::string& hook : hooks)
    rows.push_back(activations.at(hook)[0][at_token].to(at::kCPU).to(at::kDouble));
  return at::stack(rows);
}

/// Median length of the rows but the first; NaN if there is no other.
double median_norm(const at::Tensor& stream) {
  if (stream.size(0) < 2) return kNaN;
  const at::Tensor norms =
      stream.narrow(0, 1, stream.size(0) - 1).to(at::kCPU).to(at::kDouble).norm(2, {1});
  return statistics::quantile(statistics::values_of(norms), 0.5);
}

/// Everything that the directions of a request depend on.
std::string source_key(const Parameters& parameters, const std::vector<std::int64_t>& layers) {
  std::string key;
  for (const char* name : {"direction", "direction_row", "plus", "minus", "pairs", "align"})
    key += parameters.values().at(name) + '\0';
  for (const std::int64_t layer : layers) key += std::to_string(layer) + ",";
  return key;
}

/// In a causal model nothing after a token changes what it says.
void check_effect(const std::vector<std::int64_t>& steered, std::int64_t position) {
  if (steered.empty() || steered.front() <= position) return;
  throw UsageError("steering: the metric is read at position " + std::to_string(position) +
                   ", but the first steered token is at " + std::to_string(steered.front()) +
                   ", so no effect is possible; give a later position, or steer earlier tokens");
}

}  // namespace

void SteeringTool::check_compatible(const Model& model) const {
  const TransformerSpec& spec = model.spec();
  if (spec.masked_language_model || !spec.attention.causal)
    throw UsageError("steering: '" + spec.family +
                     "' predicts masked tokens, not the next one, so the perplexity and the "
                     "generation here are not defined; use a causal language model");
  if (spec.n_layers < 1)
    throw UsageError("steering: the model has 0 blocks; expected at least one");
}

void SteeringTool::check_parameters(const Parameters& parameters) const {
  check_sources(parameters);
  const SteeringOptions options = options_of(model(), parameters);
  const std::int64_t d_model = model().spec().d_model;
  checked_alphas(options);
  // Prompts are not known here; the shortest that a relative scale allows represents them.
  check_options(model(), options, 2);
  if (const std::string& file = parameters.text("direction"); !file.empty()) {
    std::optional<std::int64_t> row;
    if (parameters.is_set("direction_row")) row = parameters.integer("direction_row");
    direction_rows(direction_of_file(file, row, options.layers, d_model), options.layers, d_model);
  }
  if (const std::string& file = parameters.text("pairs"); !file.empty()) read_pairs(model(), file);
  Corpus(model(), options.neutral,
         {.length = std::min(options.window, position_limit(model().spec())), .min_length = 2});
}

CostEstimate SteeringTool::estimate(const Request& request) const {
  const SteeringOptions options = options_of(model(), request.parameters());
  const auto alphas = static_cast<std::int64_t>(checked_alphas(options).size());
  return {std::nullopt, std::nullopt,
          static_cast<std::int64_t>(options.layers.size()) * alphas * (1 + options.controls)};
}

const SteeringTool::Source& SteeringTool::source_of(const Parameters& parameters,
                                                    const std::vector<std::int64_t>& layers) {
  const std::string key = source_key(parameters, layers);
  // The next case of a run asks for the same directions.
  if (key == source_.key) return source_;
  Source source{key, {}, {}};
  if (const std::string& file = parameters.text("direction"); !file.empty()) {
    std::optional<std::int64_t> row;
    if (parameters.is_set("direction_row")) row = parameters.integer("direction_row");
    source.directions = direction_of_file(file, row, layers, model().spec().d_model);
  } else {
    if (const std::string& pairs = parameters.text("pairs"); !pairs.empty())
      source.pairs = read_pairs(model(), pairs);
    else
      source.pairs = {{to_tokens(model(), parameters.text("plus")),
                       to_tokens(model(), parameters.text("minus"))}};
    source.directions = difference(source.pairs, layers, parameters.integer("align"));
  }
  source_ = std::move(source);
  return source_;
}

Dataset SteeringTool::run(const Request& request) {
  const Parameters& parameters = request.parameters();
  check_sources(parameters);
  const SteeringOptions options = options_of(model(), parameters);
  const Source& source = source_of(parameters, options.layers);
  Dataset dataset =
      steer(request.tokens(), source.directions, target_of(model(), request), options);
  std::vector<std::int64_t> ids = options.target_tokens;
  ids.push_back(std::get<std::int64_t>(dataset.attributes.at("target")));
  for (const char* name : {"plus", "minus", "direction_row"})
    dataset.attributes[name] = parameters.values().at(name);
  dataset.attributes["align"] = parameters.integer("align");
  for (const char* name : {"direction", "pairs"}) {
    dataset.attributes[name] = std::string();  // the source that was not given
    context().record_file(dataset, name, parameters.text(name));
  }
  dataset.attributes["direction_pairs"] = static_cast<std::int64_t>(source.pairs.size());
  dataset.attributes["direction_prompts_with_target"] = prompts_with(source.pairs, ids);
  return dataset;
}

at::Tensor SteeringTool::difference(const std::vector<SteeringPair>& pairs,
                                    const std::vector<std::int64_t>& layers, std::int64_t align) {
  if (pairs.empty()) throw UsageError("steering: the list of pairs is empty; give at least one");
  const std::vector<std::int64_t> depths = checked_layers(layers, model().spec().n_layers);
  at::Tensor sum;
  for (const auto& [plus, minus] : pairs) {
    const at::Tensor one =
        streams_at(context(), plus, depths, align) - streams_at(context(), minus, depths, align);
    sum = sum.defined() ? sum + one : one;
  }
  return (sum / static_cast<double>(pairs.size())).to(at::kFloat);
}

const std::vector<Tokens>& SteeringTool::neutral(const SteeringOptions& options) {
  const std::string key = std::to_string(options.window) + " " + std::to_string(options.windows) +
                          " " + options.neutral;
  // It does not depend on the prompt, and a generated one takes a forward for each token.
  if (key != neutral_key_) {
    neutral_ = neutral_windows(context(), options);
    neutral_key_ = key;
  }
  return neutral_;
}

std::vector<SteeredLayer> SteeringTool::layers_of(const SteeringPlan& plan,
                                                  const at::Tensor& directions,
                                                  const SteeringOptions& options) const {
  const std::vector<std::int64_t> depths = checked_layers(options.layers, model().spec().n_layers);
  const at::Tensor rows = direction_rows(directions, depths, model().spec().d_model);
  std::vector<std::string> hooks;
  hooks.reserve(depths.size());
  for (const std::int64_t depth : depths) hooks.push_back(residual_hook(model().spec(), depth));
  const auto streams = context().activations(plan.tokens, hooks);
  std::vector<SteeredLayer> layers;
  for (std::size_t i = 0; i < depths.size(); ++i) {
    SteeredLayer layer{.layer = depths[i], .stream = streams.at(hooks[i])[0], .directions = {}};
    const at::Tensor own = rows[static_cast<std::int64_t>(i)].unsqueeze(0);
    layer.directions =
        at::cat({own, random_directions(own[0], options.controls, plan.seed, layer.layer)});
    layer.stream_norm = median_norm(layer.stream);
    if (options.relative) layer.step = relative_step(plan.mode, layer.stream_norm, own);
    layers.push_back(std::move(layer));
  }
  return layers;
}

Dataset SteeringTool::steer(const Tokens& tokens, const at::Tensor& directions,
                            const Target& target, const SteeringOptions& options) {
  check_compatible(model());
  if (tokens.size() == 0)
    throw UsageError("steering: the prompt is empty; give at least one token");
  tracing::refuse_pictures("steering", tokens);
  check_options(model(), options, tokens.size());
  const SteeredTokens where = checked_tokens(options, tokens.size());
  const std::string last = residual_hook(model().spec(), model().spec().n_layers);
  const at::Tensor stream = context().activations(tokens, {last}).at(last)[0];
  const MetricReader metric("steering", model(), tokens, stream, target, options.metric);
  // Effects and KL come from the same runs; gradients are of the metric alone.
  MetricReader reader = metric;
  reader.read_several({metric.metric(), Metric::kl});
  reader.set_base(stream[reader.position()]);
  const std::vector<std::int64_t> steered = where.of_prompt(tokens.size());
  if (options.max_new_tokens == 0) check_effect(steered, reader.position());
  const SteeringPlan plan{
      context(), tokens, reader, options.mode, where, checked_alphas(options), context().seed()};
  const std::vector<SteeredLayer> layers = layers_of(plan, directions, options);

  const double base = metric(stream.narrow(0, metric.position(), 1)).item<double>();
  PromptGrids prompt = measure_prompts(plan, metric, layers, base);
  Dataset dataset = with_axes(plan, layers, options);
  add_prompt(dataset, plan, prompt.grids, prompt.slopes);
  add_neutral(dataset, measure_neutral(plan, layers, neutral(options)), options);
  context().record_file(dataset, "neutral", options.neutral);
  if (options.max_new_tokens > 0) {
    const std::vector<std::int64_t> targets = options.target_tokens.empty()
                                                  ? std::vector<std::int64_t>{metric.target()}
                                                  : options.target_tokens;
    prompt.any_change =
        add_generation(dataset, plan, layers, options, targets) || prompt.any_change;
  }
  add_receipts(dataset, plan, layers, prompt.grids, prompt.any_change);
  return dataset;
}

}  // namespace lensbench::steering

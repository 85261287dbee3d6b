#include "neuron_explorer.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <lensbench/error.hpp>
#include <numeric>

#include "common/number_text.hpp"
#include "common/text_alone.hpp"
#include "effects.hpp"
#include "explorer_result.hpp"
#include "optimise.hpp"
#include "text_activity.hpp"
#include "vocabulary.hpp"

namespace lensbench::neurons {
namespace {

[[noreturn]] void refuse(const std::string& fault) {
  throw UsageError("neuron_explorer: " + fault);
}

std::string last_of(std::int64_t count) {
  return "0 to " + std::to_string(count - 1);
}

void check_neuron(const TransformerSpec& spec, const NeuronId& neuron) {
  if (neuron.block < 0 || neuron.block >= spec.n_layers)
    refuse("neuron " + text_of(neuron) + " is in a block that does not exist; give blocks " +
           last_of(spec.n_layers));
  if (neuron.index < 0 || neuron.index >= spec.mlp.d_mlp)
    refuse("neuron " + text_of(neuron) + " does not exist; give neurons " +
           last_of(spec.mlp.d_mlp) + " of a block");
}

void check_range(const char* name, std::int64_t value, std::int64_t least) {
  if (value < least)
    refuse(std::string(name) + " is " + std::to_string(value) + ", expected at least " +
           std::to_string(least));
}

void check_ranges(const NeuronExplorerOptions& options) {
  check_range("count", options.count, 1);
  check_range("window", options.window, 2);
  check_range("windows", options.windows, 0);
  check_range("examples", options.examples, 1);
  check_range("context", options.context, 0);
  check_range("quantiles", options.quantiles, 1);
  check_range("top_k", options.top_k, 1);
  check_range("optimise_steps", options.optimise_steps, 1);
}

void check_options(const TransformerSpec& spec, const NeuronExplorerOptions& options) {
  for (const auto* list : {&options.neurons, &options.interpolate})
    for (const NeuronId& neuron : *list) check_neuron(spec, neuron);
  for (const NeuronId& neuron : options.neurons)
    if (std::count(options.neurons.begin(), options.neurons.end(), neuron) > 1)
      refuse("neuron " + text_of(neuron) + " is given twice; give it once");
  if (!options.interpolate.empty() && options.interpolate.size() != 2)
    refuse("interpolate has " + std::to_string(options.interpolate.size()) +
           " neurons, expected two, as in 2:17,2:99");
  check_ranges(options);
  if (options.length < 1 || options.length > position_limit(spec))
    refuse("length is " + std::to_string(options.length) + ", expected 1 to " +
           std::to_string(position_limit(spec)));
  for (const std::string& part : options.optimise)
    if (part != "embedding" && part != "tokens")
      refuse("optimise has '" + part + "', expected embedding or tokens");
}

/// Options of a measurement on the same text.
SparsityOptions sparsity_of(const NeuronExplorerOptions& options) {
  SparsityOptions measured;
  measured.text = options.text;
  measured.window = options.window;
  measured.windows = options.windows;
  measured.exclude_first = options.exclude_first;
  return measured;
}

/// The neurons of largest kurtosis over the text, without those that are dead.
std::vector<NeuronId> most_kurtotic(Context& context, const Tokens& tokens,
                                    const NeuronExplorerOptions& options) {
  const NeuronLayout layout = layout_of("neuron_explorer", context.model().spec(), "mlp.hook_post");
  const SparsityOptions measured = sparsity_of(options);
  const auto activity = measure_text(context, tokens, layout, measured).activity;
  const TextActivity::Neurons found = activity.neurons(measured.threshold, measured.dead_below);
  const at::Tensor kurtosis =
      found.kurtosis.masked_fill(found.dead.to(at::kBool), -1e300).nan_to_num(-1e300).contiguous();
  const double* value = kurtosis.data_ptr<double>();
  std::vector<std::int64_t> order(static_cast<std::size_t>(kurtosis.numel()));
  std::iota(order.begin(), order.end(), 0);
  const auto kept = order.begin() + std::min<std::ptrdiff_t>(options.count, std::ssize(order));
  std::partial_sort(order.begin(), kept, order.end(), [&](std::int64_t a, std::int64_t b) {
    return value[a] != value[b] ? value[a] > value[b] : a < b;
  });
  std::vector<NeuronId> neurons;
  for (auto at = order.begin(); at != kept; ++at)
    neurons.push_back({*at / layout.width, *at % layout.width});
  return neurons;
}

NeuronExplorerOptions options_of(const Model& model, const Parameters& parameters) {
  NeuronExplorerOptions options;
  options.neurons = parse_neurons(model.spec(), "neurons", parameters.list("neurons"));
  options.count = parameters.integer("count");
  options.text = parameters.text("text");
  options.window = parameters.integer("window");
  options.windows = parameters.integer("windows");
  options.exclude_first = parameters.boolean("exclude_first");
  options.examples = parameters.integer("examples");
  options.context = parameters.integer("context");
  options.distinct = parameters.boolean("distinct");
  options.quantiles = parameters.integer("quantiles");
  options.top_k = parameters.integer("top_k");
  options.factors = parameters.numbers("factors");
  options.interpolate = parse_neurons(model.spec(), "interpolate", parameters.list("interpolate"));
  options.metric = metric_options(model, parameters);
  options.optimise = parameters.list("optimise");
  options.optimise_steps = parameters.integer("optimise_steps");
  options.length = parameters.integer("length");
  return options;
}

/// Whether two questions have the same answer from a text.
bool same_text(const NeuronExplorerOptions& a, const NeuronExplorerOptions& b) {
  return a.neurons == b.neurons && a.count == b.count && a.text == b.text && a.window == b.window &&
         a.windows == b.windows && a.exclude_first == b.exclude_first && a.examples == b.examples &&
         a.context == b.context && a.distinct == b.distinct && a.quantiles == b.quantiles;
}

std::vector<OptimisedInput> optimised_inputs(Context& context, const std::vector<NeuronId>& neurons,
                                             const NeuronExplorerOptions& options) {
  std::vector<OptimisedInput> inputs;
  inputs.reserve(neurons.size());
  for (std::size_t n = 0; n < neurons.size(); ++n)
    inputs.push_back(optimise_input(context, neurons[n], options, kSearchStream + n));
  return inputs;
}

std::vector<std::string> texts_of(const std::vector<NeuronId>& neurons) {
  std::vector<std::string> texts;
  texts.reserve(neurons.size());
  for (const NeuronId& neuron : neurons) texts.push_back(text_of(neuron));
  return texts;
}

void add_attributes(Dataset& dataset, const TextExamples& text,
                    const NeuronExplorerOptions& options) {
  auto& attributes = dataset.attributes;
  attributes["text"] = options.text.empty() ? "the prompt" : options.text;
  attributes["chosen_by"] = options.neurons.empty() ? "kurtosis over the text" : "name";
  attributes["neurons"] = texts_of(options.neurons);
  attributes["count"] = options.count;
  attributes["window"] = options.window;
  attributes["exclude_first"] = static_cast<std::int64_t>(options.exclude_first);
  attributes["examples"] = options.examples;
  attributes["context"] = options.context;
  attributes["distinct"] = static_cast<std::int64_t>(options.distinct);
  attributes["quantiles"] = options.quantiles;
  attributes["top_k"] = options.top_k;
  attributes["factors"] = tracing::number_texts(options.factors);
  if (options.interpolate.empty()) attributes["interpolate"] = "none";
  attributes["optimise"] = options.optimise;
  attributes["optimise_steps"] = options.optimise_steps;
  attributes["length"] = options.length;
  attributes["tokens"] = text.tokens;
  attributes["first_tokens_left_out"] = text.first_tokens;
  attributes["windows"] = options.windows;
  attributes["windows_measured"] = text.pieces;
  attributes["base_run"] = "the prompt";
  attributes["source_run"] = "the prompt";
  attributes["sign"] = "m(changed) - m(base)";
  Provenance{.definition = "neuron_explorer/1",
             .samples = text.sampled,
             .seed_stream = static_cast<std::int64_t>(kSampleStream)}
      .describe(dataset);
}

}  // namespace

std::vector<NeuronId> parse_neurons(const TransformerSpec& spec, const std::string& parameter,
                                    const std::vector<std::string>& texts) {
  std::vector<NeuronId> neurons;
  for (const std::string& text : texts) {
    NeuronId neuron;
    const char* const end = text.data() + text.size();
    const auto block = std::from_chars(text.data(), end, neuron.block);
    const bool colon = block.ec == std::errc() && block.ptr != end && *block.ptr == ':';
    const auto index = std::from_chars(colon ? block.ptr + 1 : end, end, neuron.index);
    if (!colon || index.ec != std::errc() || index.ptr != end)
      refuse(parameter + " has '" + text + "', expected BLOCK:INDEX, as in 2:17");
    check_neuron(spec, neuron);
    neurons.push_back(neuron);
  }
  return neurons;
}

void NeuronExplorerTool::check_compatible(const Model& model) const {
  const TransformerSpec& spec = model.spec();
  if (spec.n_layers < 1) refuse("the model has 0 blocks; expected at least one");
  if (spec.mlp.n_experts > 0)
    refuse("the neurons of '" + spec.family +
           "' belong to experts, which see some tokens only; use the tool sparsity, which measures "
           "them");
}

void NeuronExplorerTool::check_parameters(const Parameters& parameters) const {
  const NeuronExplorerOptions options = options_of(model(), parameters);
  check_options(model().spec(), options);
  check_text(model(), options.text);
}

Dataset NeuronExplorerTool::run(const Request& request) {
  return explore(request.tokens(), target_of(model(), request),
                 options_of(model(), request.parameters()));
}

const NeuronExplorerTool::Found& NeuronExplorerTool::find(const Tokens& tokens,
                                                          const NeuronExplorerOptions& options) {
  if (!options.text.empty() && found_options_ && same_text(*found_options_, options)) return found_;
  found_options_.reset();
  found_.neurons =
      options.neurons.empty() ? most_kurtotic(context(), tokens, options) : options.neurons;
  found_.text = find_examples(context(), tokens, found_.neurons, options);
  if (found_.text.tokens < 1)
    refuse(
        "the text does not have a token apart from the first of each document; give a longer "
        "text, or exclude_first=false");
  found_options_ = options;
  return found_;
}

Dataset NeuronExplorerTool::explore(const Tokens& tokens, const Target& target,
                                    const NeuronExplorerOptions& options) {
  check_compatible(model());
  check_options(model().spec(), options);
  if (tokens.ids.empty()) refuse("the prompt is empty; give at least one token");
  tracing::refuse_pictures("neuron_explorer", tokens);
  const Found& found = find(tokens, options);
  Dataset dataset;
  add_neuron_axis(dataset, found.neurons);
  add_token_axis(dataset, tokens.ids, tokens.texts);
  add_text(dataset, found.text, options);
  add_vocabulary(dataset, model(), tokens, found.neurons, options.top_k);
  const Effects effects = effects_of(context(), tokens, found.neurons, target, options, dataset);
  add_effects(dataset, effects, options);
  if (!options.optimise.empty())
    add_optimised(dataset, model(), optimised_inputs(context(), found.neurons, options), options);
  add_attributes(dataset, found.text, options);
  context().record_file(dataset, "text", options.text);
  return dataset;
}

}  // namespace lensbench::neurons

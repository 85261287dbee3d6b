#include "sparsity.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/tensor.h>

#include <cmath>
#include <lensbench/error.hpp>
#include <lensbench/metric.hpp>

#include "sparsity_receipts.hpp"

namespace lensbench::neurons {
namespace {

const std::vector<std::string> kByNeuron = {"block", "neuron"};
const std::vector<std::string> kByToken = {"block", "token"};

void check_options(const SparsityOptions& options) {
  if (!(options.threshold > 0) || !(options.dead_below > 0))
    throw UsageError("sparsity: threshold is " + std::to_string(options.threshold) +
                     " and dead_below " + std::to_string(options.dead_below) +
                     ", expected above 0");
  if (options.bins < 2 || options.bins > 4096)
    throw UsageError("sparsity: bins is " + std::to_string(options.bins) + ", expected 2 to 4096");
  if (options.window < 2 || options.windows < 0)
    throw UsageError("sparsity: window is " + std::to_string(options.window) + " and windows " +
                     std::to_string(options.windows) + ", expected at least 2 and at least 0");
}

void add_axes(Dataset& dataset, const NeuronLayout& layout, const Tokens& tokens) {
  dataset.add_coordinate("block", at::tensor(layout.blocks).to(at::kInt), "block, counted from 0");
  dataset.add_coordinate("neuron", at::arange(layout.width, at::kInt),
                         layout.mixture ? "neuron of a block: those of expert 0, then of expert 1 "
                                          "and so on"
                                        : "neuron of a block");
  if (layout.mixture) {
    Variable expert;
    expert.name = "expert";
    expert.dims = {"neuron"};
    expert.tensor = at::arange(layout.width, at::kInt).div(layout.site_width, "floor");
    expert.long_name = "expert of the neuron";
    expert.coordinate = true;
    dataset.add(expert);
  }
  add_token_axis(dataset, tokens.ids, tokens.texts);
}

void add_prompt(Dataset& dataset, const PromptActivity& prompt) {
  dataset.add("l0", kByToken, prompt.l0, "1",
              "number of neurons with |a| >= active_above at each token of the prompt");
  dataset.add("l1", kByToken, prompt.l1, "1", "sum of |a| over the neurons");
  dataset.add("hoyer", kByToken, prompt.hoyer, "1",
              "(sqrt(n) - L1 / L2) / (sqrt(n) - 1) over the n neurons: 0 all equally, 1 one alone "
              "(NaN: all are 0)");
  dataset.add("token_gini", kByToken, prompt.gini, "1",
              "Gini coefficient of |a| over the neurons (NaN: all are 0)");
  dataset.add("token_kurtosis", kByToken, prompt.kurtosis, "1",
              "excess kurtosis of a over the neurons (NaN: all are equal)");
}

void add_neurons(Dataset& dataset, const TextActivity::Neurons& neurons) {
  dataset.add("rows", kByNeuron, neurons.rows, "1",
              "number of tokens that the neuron is measured on");
  dataset.add("frequency", kByNeuron, neurons.frequency, "1",
              "share of tokens with |a| >= active_above (NaN: no tokens)");
  dataset.add("positive_frequency", kByNeuron, neurons.positive_frequency, "1",
              "share of tokens with a > 0 (NaN: no tokens)");
  dataset.add("active_above", kByNeuron, neurons.active_above, "1",
              "threshold times rms, rounded to five binary digits; 0: the neuron is always 0");
  dataset.add("mean_activation", kByNeuron, neurons.mean, "1", "mean of a (NaN: no tokens)");
  dataset.add("rms", kByNeuron, neurons.rms, "1", "root mean square of a (NaN: no tokens)");
  dataset.add("kurtosis", kByNeuron, neurons.kurtosis, "1",
              "excess kurtosis of a over tokens (NaN: all are equal)");
  dataset.add("gini", kByNeuron, neurons.gini, "1",
              "Gini coefficient of |a| over tokens, from counts in bins that are 1/16 to 1/32 of "
              "their value wide (NaN: all are 0)");
  dataset.add("max_activation", kByNeuron, neurons.maximum, "1", "largest a (NaN: no tokens)");
  dataset.add("min_activation", kByNeuron, neurons.minimum, "1", "smallest a (NaN: no tokens)");
  dataset.add("dead", kByNeuron, neurons.dead, "1",
              "1 where |a| stays below dead_below times the root mean square of the whole block");
}

void add_blocks(Dataset& dataset, const TextActivity& activity,
                const TextActivity::Neurons& neurons) {
  dataset.add("mean_l0", {"block"}, mean_active(activity, neurons), "1",
              "mean number of active neurons at a token of the text (NaN: no tokens)");
  dataset.add("mean_l1", {"block"}, activity.mean_l1(), "1",
              "mean sum of |a| at a token of the text (NaN: no tokens)");
  dataset.add("mean_hoyer", {"block"}, activity.mean_hoyer(), "1",
              "mean of hoyer over the tokens of the text at which a neuron is not 0 (NaN: no such "
              "tokens)");
  dataset.add("dead_share", {"block"}, neurons.dead.to(at::kDouble).mean(1), "1",
              "share of dead neurons");
}

void add_histogram(Dataset& dataset, const TextActivity& activity) {
  const auto histogram = activity.histogram();
  const std::int64_t bins = histogram.counts.size(1);
  const at::Tensor low = histogram.edges.narrow(0, 0, bins);
  dataset.add_coordinate("bin", (low + histogram.edges.narrow(0, 1, bins)) / 2,
                         "middle of the bin");
  Variable edge;
  edge.name = "bin_low";
  edge.dims = {"bin"};
  edge.tensor = low;
  edge.long_name = "lower edge of the bin, which belongs to it; bins are equally wide";
  edge.coordinate = true;
  dataset.add(edge);
  dataset.add("activation_histogram", {"block", "bin"}, histogram.counts, "1",
              "number of activations of all neurons of the block in the bin");
}

SparsityOptions options_of(const Parameters& parameters) {
  SparsityOptions options;
  options.text = parameters.text("text");
  options.point = parameters.text("point");
  options.threshold = parameters.number("threshold");
  options.dead_below = parameters.number("dead_below");
  options.bins = parameters.integer("bins");
  options.window = parameters.integer("window");
  options.windows = parameters.integer("windows");
  options.exclude_first = parameters.boolean("exclude_first");
  return options;
}

}  // namespace

void SparsityTool::check_compatible(const Model& model) const {
  if (model.spec().n_layers < 1)
    throw UsageError("sparsity: the model has 0 blocks; expected at least one");
}

void SparsityTool::check_parameters(const Parameters& parameters) const {
  const SparsityOptions options = options_of(parameters);
  check_options(options);
  layout_of("sparsity", model().spec(), options.point);
  check_text(model(), options.text);
}

CostEstimate SparsityTool::estimate(const Request& request) const {
  const SparsityOptions options = options_of(request.parameters());
  const NeuronLayout layout = layout_of("sparsity", model().spec(), options.point);
  // Counts and sums of each neuron, and one window of a block.
  const double neurons = static_cast<double>(std::ssize(layout.blocks) * layout.width);
  const double window = static_cast<double>(options.window * layout.width);
  CostEstimate cost;
  cost.bytes = neurons * 1100.0 + window * 24.0;
  return cost;
}

Dataset SparsityTool::run(const Request& request) {
  return measure(request.tokens(), options_of(request.parameters()));
}

const MeasuredText& SparsityTool::text(const Tokens& tokens, const NeuronLayout& layout,
                                       const SparsityOptions& options) {
  if (!options.text.empty() && measured_options_ == options) return *measured_;
  measured_options_.reset();
  measured_.emplace(measure_text(context(), tokens, layout, options));
  measured_options_ = options;
  return *measured_;
}

Dataset SparsityTool::measure(const Tokens& tokens, const SparsityOptions& options) {
  check_compatible(model());
  check_options(options);
  if (tokens.ids.empty())
    throw UsageError("sparsity: the prompt is empty; give at least one token");
  const NeuronLayout layout = layout_of("sparsity", model().spec(), options.point);
  const MeasuredText& measured = text(tokens, layout, options);
  if (measured.activity.tokens() == 0)
    throw UsageError(
        "sparsity: the text has 0 tokens in addition to the first ones of its documents, which are "
        "left out; give a longer prompt or text, or exclude_first=0");
  const TextActivity::Neurons neurons =
      measured.activity.neurons(options.threshold, options.dead_below);
  const PromptActivity prompt = measure_prompt(model(), tokens, layout, neurons.active_above);

  Dataset dataset;
  add_axes(dataset, layout, tokens);
  add_prompt(dataset, prompt);
  add_blocks(dataset, measured.activity, neurons);
  add_neurons(dataset, neurons);
  add_histogram(dataset, measured.activity);
  dataset.receipts = {histogram_is_complete(measured.activity, neurons),
                      squares_agree(measured.activity)};
  // If the prompt is the text, its tokens are counted in two ways.
  if (options.text.empty())
    dataset.receipts.push_back(active_neurons_agree(measured, prompt, neurons));
  auto& attributes = dataset.attributes;
  Provenance{.definition = "sparsity/1"}.describe(dataset);
  attributes["base_run"] = "prompt";
  attributes["source_run"] = "none";
  attributes["sign"] = "none";
  attributes["text"] = options.text.empty() ? "the prompt" : options.text;
  attributes["point"] = options.point;
  attributes["threshold"] = options.threshold;
  attributes["dead_below"] = options.dead_below;
  attributes["bins"] = options.bins;
  attributes["window"] = options.window;
  attributes["exclude_first"] = static_cast<std::int64_t>(options.exclude_first);
  attributes["tokens"] = measured.activity.tokens();
  attributes["first_tokens_left_out"] = measured.first_tokens;
  attributes["windows"] = options.windows;
  attributes["windows_measured"] = measured.pieces;
  if (options.windows > 0) attributes["seed"] = static_cast<std::int64_t>(context().seed());
  context().record_file(dataset, "text", options.text);
  return dataset;
}

}  // namespace lensbench::neurons

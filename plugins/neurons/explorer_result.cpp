#include "explorer_result.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <functional>
#include <lensbench/sweep_receipts.hpp>
#include <utility>

#include "columns.hpp"
#include "common/worst.hpp"
#include "vocabulary.hpp"

namespace lensbench::neurons {
namespace {

const std::vector<std::string> kRanked = {"neuron", "sign", "rank"};

void add_top_tokens(Dataset& dataset, const std::string& name, const TopTokens& top,
                    const std::string& meaning) {
  dataset.add(name + "_top_value", kRanked, top.values, "1", meaning);
  dataset.add(name + "_top_id", kRanked, top.ids.to(at::kInt), "1",
              "tokens of " + name + "_top_value", Holds::token_ids);
}

}  // namespace

std::string text_of(const NeuronId& neuron) {
  return std::to_string(neuron.block) + ":" + std::to_string(neuron.index);
}

void add_neuron_axis(Dataset& dataset, const std::vector<NeuronId>& neurons) {
  std::vector<std::string> names;
  std::vector<std::int64_t> blocks, indices;
  for (const NeuronId& neuron : neurons) {
    names.push_back(text_of(neuron));
    blocks.push_back(neuron.block);
    indices.push_back(neuron.index);
  }
  dataset.add_coordinate("neuron", names, "block and index of the neuron");
  add_coordinate_of(dataset, "neuron_block", "neuron", at::tensor(blocks).to(at::kInt),
                    "block of the neuron");
  add_coordinate_of(dataset, "neuron_index", "neuron", at::tensor(indices).to(at::kInt),
                    "index of the neuron in its block");
}

namespace {

void add_outputs(Dataset& dataset, const Model& model, const Tokens& prompt,
                 const std::vector<NeuronId>& neurons, std::int64_t top_k) {
  add_top_tokens(dataset, "output", output_tokens(model, neurons, top_k),
                 "logits that a unit of activation adds directly, if the scales of the norms "
                 "that follow are 1");
  dataset.receipts.push_back(output_receipt(model, prompt, neurons));
}

void add_inputs(Dataset& dataset, const Model& model, const std::vector<NeuronId>& neurons,
                std::int64_t top_k) {
  add_top_tokens(dataset, "input", input_tokens(model, neurons, "W_in", top_k),
                 "what the neuron reads of a token's embedding, if the scale of its norm is 1");
  if (model.spec().mlp.gated)
    add_top_tokens(dataset, "gate", input_tokens(model, neurons, "W_gate", top_k),
                   "what the neuron's gate reads of a token's embedding, if the scale of its norm "
                   "is 1");
}

}  // namespace

void add_vocabulary(Dataset& dataset, const Model& model, const Tokens& prompt,
                    const std::vector<NeuronId>& neurons, std::int64_t top_k) {
  const TransformerSpec& spec = model.spec();
  const std::string no_output = no_output_reason(spec), no_input = no_input_reason(spec);
  if (no_output.empty() || no_input.empty()) {
    dataset.add_coordinate("sign", std::vector<std::string>{"positive", "negative"},
                           "largest values, smallest values");
    dataset.add_coordinate(
        "rank", at::arange(1, std::min(top_k, model.unembedding().weight.size(0)) + 1, at::kInt),
        "1 is the largest or smallest");
  }
  if (!no_output.empty())
    dataset.attributes["output_tokens"] = "left out: " + no_output;
  else
    add_outputs(dataset, model, prompt, neurons, top_k);
  if (!no_input.empty()) {
    dataset.attributes["input_tokens"] = "left out: " + no_input;
    return;
  }
  add_inputs(dataset, model, neurons, top_k);
}

namespace {

void add_interpolation(Dataset& dataset, const Effects& effects,
                       const NeuronExplorerOptions& options) {
  dataset.add_coordinate("mix", effects.mixes,
                         "share of the second neuron's activation in that of the first");
  dataset.add("interpolation", {"mix"}, effects.interpolation, effects.units,
              "metric with the activation of the first neuron replaced by a mixture with that of "
              "the second, minus the metric of the prompt");
  dataset.attributes["interpolate"] =
      text_of(options.interpolate[0]) + " takes from " + text_of(options.interpolate[1]);
}

}  // namespace

void add_effects(Dataset& dataset, const Effects& effects, const NeuronExplorerOptions& options) {
  dataset.add("activation", {"neuron", "token"}, effects.activation, "1",
              "activation at each token of the prompt");
  if (effects.scale_effect.defined()) {
    dataset.add_coordinate("factor", at::tensor(options.factors, at::kDouble),
                           "factor on the activation at all positions");
    dataset.add("scale_effect", {"neuron", "factor"}, effects.scale_effect, effects.units,
                "metric with the activation of the neuron times the factor, minus the metric of "
                "the prompt");
  }
  if (effects.interpolation.defined()) add_interpolation(dataset, effects, options);
  dataset.add("base_metric", {}, at::scalar_tensor(effects.base, at::kDouble), effects.units,
              "metric of the unchanged prompt");
  for (const Receipt& receipt : effects.receipts) dataset.receipts.push_back(receipt);
}

void add_optimised(Dataset& dataset, const Model& model, const std::vector<OptimisedInput>& inputs,
                   const NeuronExplorerOptions& options) {
  const std::vector<std::int64_t> shape = {std::ssize(inputs), options.length};
  std::vector<double> optimum, nearest, tokens;
  std::vector<std::int64_t> nearest_ids, token_ids;
  double length_error = 0;
  for (const OptimisedInput& input : inputs) {
    optimum.push_back(input.optimum);
    nearest.push_back(input.nearest);
    tokens.push_back(input.tokens);
    nearest_ids.insert(nearest_ids.end(), input.nearest_ids.begin(), input.nearest_ids.end());
    token_ids.insert(token_ids.end(), input.token_ids.begin(), input.token_ids.end());
    length_error = worst_of(length_error, input.length_error);
  }
  dataset.add_coordinate("input_position", at::arange(options.length, at::kInt),
                         "position in an optimised input; the activation is read at the last");
  if (!nearest_ids.empty()) {
    dataset.add("optimised_activation", {"neuron"}, at::tensor(optimum), "1",
                "activation of the best embeddings of the vocabulary's mean length");
    dataset.add("nearest_activation", {"neuron"}, at::tensor(nearest), "1",
                "activation of the tokens nearest to these embeddings");
    dataset.add("nearest_token", {"neuron", "input_position"},
                shaped(nearest_ids, shape).to(at::kInt), "1",
                "tokens nearest to the best embeddings, by cosine", Holds::token_ids);
    dataset.receipts.push_back(make_receipt("optimised_embeddings_keep_their_length", length_error,
                                            rounding_tolerance(model),
                                            "as the model reads them, against the mean length of "
                                            "the vocabulary's; relative; order of rounding"));
  }
  if (token_ids.empty()) return;
  dataset.add("tokens_activation", {"neuron"}, at::tensor(tokens), "1",
              "activation of the best tokens");
  dataset.add("optimised_token", {"neuron", "input_position"},
              shaped(token_ids, shape).to(at::kInt), "1",
              "the best tokens, by exchanges that a run confirmed", Holds::token_ids);
}

}  // namespace lensbench::neurons

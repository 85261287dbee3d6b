#include "explorer_result.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <functional>
#include <utility>

#include "vocabulary.hpp"

namespace lensbench::neurons {
namespace {

const std::vector<std::string> kRanked = {"neuron", "sign", "rank"};

template <class Number>
at::Tensor shaped(const std::vector<Number>& values, const std::vector<std::int64_t>& shape) {
  return at::tensor(values).view(shape);
}

template <class Values>
void add_coordinate_of(Dataset& dataset, const std::string& name, const std::string& axis,
                       Values values, const std::string& meaning) {
  Variable variable;
  variable.name = name;
  variable.dims = {axis};
  if constexpr (std::is_same_v<Values, std::vector<std::string>>)
    variable.strings = std::move(values);
  else
    variable.tensor = values;
  variable.long_name = meaning;
  variable.coordinate = true;
  dataset.add(variable);
}

/// Numbers of each neuron.
at::Tensor by_neuron(const TextExamples& text, double NeuronExamples::*number) {
  std::vector<double> values;
  values.reserve(text.neurons.size());
  for (const NeuronExamples& neuron : text.neurons) values.push_back(neuron.*number);
  return at::tensor(values);
}

/// Places of examples: activation, token, document and position.
struct Places {
  std::vector<double> activation;
  std::vector<std::int64_t> token, document, position;

  void add(const Example& example) {
    activation.push_back(example.activation);
    token.push_back(example.token);
    document.push_back(example.document);
    position.push_back(example.position);
  }
  void write(Dataset& dataset, const std::string& name, const std::vector<std::string>& dims,
             const std::vector<std::int64_t>& shape, const std::string& of) const {
    dataset.add(name + "_activation", dims, shaped(activation, shape), "1", "activation of " + of);
    dataset.add(name + "_token", dims, shaped(token, shape).to(at::kInt), "1", "token of " + of,
                Holds::token_ids);
    dataset.add(name + "_document", dims, shaped(document, shape), "1",
                "document of " + of + ", counted from 0 in the text");
    dataset.add(name + "_position", dims, shaped(position, shape), "1",
                "position of " + of + " in its document, counted from 0");
  }
};

/// Adds the axis of top examples of all neurons, and the tokens around them. Labels of the axis are
/// short, so that a table shows them.
void add_contexts(Dataset& dataset, const TextExamples& text) {
  std::vector<std::string> labels, texts, tokens;
  std::vector<std::int64_t> neuron_of, rank_of, row_of;
  std::vector<double> activations, at_tokens;
  const std::vector<std::string>& names = dataset["neuron"].strings;
  for (std::size_t n = 0; n < text.neurons.size(); ++n)
    for (std::size_t i = 0; i < text.neurons[n].contexts.size(); ++i) {
      const ExampleContext& context = text.neurons[n].contexts[i];
      row_of.insert(row_of.end(), context.tokens.size(), std::ssize(texts));
      tokens.insert(tokens.end(), context.tokens.begin(), context.tokens.end());
      at_tokens.insert(at_tokens.end(), context.activations.begin(), context.activations.end());
      labels.push_back(names[n] + " #" + std::to_string(i + 1) + " " + context.label);
      texts.push_back(context.text);
      neuron_of.push_back(static_cast<std::int64_t>(n));
      rank_of.push_back(static_cast<std::int64_t>(i) + 1);
      activations.push_back(text.neurons[n].top[i].activation);
    }
  dataset.add_coordinate("example_row", labels,
                         "neuron, rank, and the last tokens before a top example, which is in « »");
  add_coordinate_of(dataset, "example_text", "example_row", std::move(texts),
                    "tokens around a top example, which is in « »");
  add_coordinate_of(dataset, "example_neuron", "example_row", at::tensor(neuron_of).to(at::kInt),
                    "index of the neuron on the axis neuron");
  add_coordinate_of(dataset, "example_rank", "example_row", at::tensor(rank_of).to(at::kInt),
                    "rank of the example, 1 is the best");
  dataset.add("example_activation", {"example_row"}, at::tensor(activations), "1",
              "activation at each top example, as in top_activation");
  dataset.add("context_activation", {"context_token"}, at::tensor(at_tokens), "1",
              "activation at each token around a top example (NaN: the first of its document, "
              "which is left out)");
  add_coordinate_of(dataset, "context_row", "context_token", at::tensor(row_of).to(at::kInt),
                    "row of the example on the axis example_row");
  add_coordinate_of(dataset, "context_text", "context_token", std::move(tokens),
                    "text of the token");
}

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

void add_text(Dataset& dataset, const TextExamples& text, const NeuronExplorerOptions& options) {
  const std::int64_t neurons = std::ssize(text.neurons);
  const NeuronExamples& first = text.neurons.front();
  const std::int64_t examples = std::ssize(first.top);
  const std::int64_t samples = std::ssize(first.quantiles.front());
  Places top, parts;
  std::vector<double> maxima;
  for (const NeuronExamples& neuron : text.neurons) {
    for (const Example& example : neuron.top) top.add(example);
    for (const auto& part : neuron.quantiles)
      for (const Example& example : part) parts.add(example);
    maxima.push_back(neuron.top.front().activation);
  }
  dataset.add_coordinate("example", at::arange(1, examples + 1, at::kInt), "1 is the best");
  top.write(dataset, "top", {"neuron", "example"}, {neurons, examples}, "a top example");
  add_contexts(dataset, text);
  dataset.add_coordinate("quantile",
                         at::arange(1, options.quantiles + 1, at::kInt).to(at::kDouble) /
                             static_cast<double>(options.quantiles),
                         "share of the text's tokens up to the end of the part, by activation");
  parts.write(dataset, "quantile", {"neuron", "quantile", "sample"},
              {neurons, options.quantiles, samples},
              "an example of the part of the tokens, which is estimated from up to 4096 of them");
  dataset.add("type_entropy", {"neuron"}, by_neuron(text, &NeuronExamples::type_entropy), "nats",
              "entropy of the tokens of the top examples; 0 if all are one token");
  dataset.add("random_type_entropy", {}, at::scalar_tensor(text.random_type_entropy, at::kDouble),
              "nats", "entropy of as many random tokens of the text");
  dataset.add("context_spread", {"neuron"}, by_neuron(text, &NeuronExamples::context_spread), "1",
              "1 less the mean cosine over pairs of top examples of the streams that enter the "
              "block, each less the mean stream of the text (NaN: fewer than two)");
  dataset.add("random_context_spread", {"neuron"},
              by_neuron(text, &NeuronExamples::random_context_spread), "1",
              "the same of as many random tokens of the text (NaN: fewer than two)");
  dataset.add("corpus_maximum", {"neuron"}, at::tensor(maxima), "1",
              "largest activation in the text");
  dataset.add("mean_activation", {"neuron"}, by_neuron(text, &NeuronExamples::mean), "1",
              "mean activation in the text");
  dataset.add("rms_activation", {"neuron"}, by_neuron(text, &NeuronExamples::rms), "1",
              "root mean square of the activation in the text");
  dataset.receipts.push_back(make_receipt("listed_activations_are_those_of_their_windows_alone",
                                          text.reproduced, 0.0,
                                          "the window of each top example is run again"));
}

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
  if (!no_output.empty()) {
    dataset.attributes["output_tokens"] = "left out: " + no_output;
  } else {
    add_top_tokens(dataset, "output", output_tokens(model, neurons, top_k),
                   "logits that a unit of activation adds directly, if the scales of the norms "
                   "that follow are 1");
    dataset.receipts.push_back(output_receipt(model, prompt, neurons));
  }
  if (!no_input.empty()) {
    dataset.attributes["input_tokens"] = "left out: " + no_input;
    return;
  }
  add_top_tokens(dataset, "input", input_tokens(model, neurons, "W_in", top_k),
                 "what the neuron reads of a token's embedding, if the scale of its norm is 1");
  if (spec.mlp.gated)
    add_top_tokens(dataset, "gate", input_tokens(model, neurons, "W_gate", top_k),
                   "what the neuron's gate reads of a token's embedding, if the scale of its norm "
                   "is 1");
}

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
  if (effects.interpolation.defined()) {
    dataset.add_coordinate("mix", effects.mixes,
                           "share of the second neuron's activation in that of the first");
    dataset.add("interpolation", {"mix"}, effects.interpolation, effects.units,
                "metric with the activation of the first neuron replaced by a mixture with that of "
                "the second, minus the metric of the prompt");
    dataset.attributes["interpolate"] =
        text_of(options.interpolate[0]) + " takes from " + text_of(options.interpolate[1]);
  }
  dataset.add("base_metric", {}, at::scalar_tensor(effects.base, at::kDouble), effects.units,
              "metric of the unchanged prompt");
  for (const Receipt& receipt : effects.receipts) dataset.receipts.push_back(receipt);
}

void add_optimised(Dataset& dataset, const std::vector<OptimisedInput>& inputs,
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
    length_error = std::max(length_error, input.length_error);
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
                                            1e-5, "relative; float32"));
  }
  if (token_ids.empty()) return;
  dataset.add("tokens_activation", {"neuron"}, at::tensor(tokens), "1",
              "activation of the best tokens");
  dataset.add("optimised_token", {"neuron", "input_position"},
              shaped(token_ids, shape).to(at::kInt), "1",
              "the best tokens, by exchanges that a run confirmed", Holds::token_ids);
}

}  // namespace lensbench::neurons

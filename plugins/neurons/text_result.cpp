#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/tensor.h>

#include "columns.hpp"
#include "explorer_result.hpp"

// What a text shows of neurons, as variables.

namespace lensbench::neurons {
namespace {

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

void add_quantile_axis(Dataset& dataset, std::int64_t quantiles) {
  dataset.add_coordinate(
      "quantile",
      at::arange(1, quantiles + 1, at::kInt).to(at::kDouble) / static_cast<double>(quantiles),
      "share of the text's tokens up to the end of the part, by activation");
}

void add_spreads(Dataset& dataset, const TextExamples& text) {
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
}

void add_moments(Dataset& dataset, const TextExamples& text) {
  std::vector<double> maxima;
  maxima.reserve(text.neurons.size());
  for (const NeuronExamples& neuron : text.neurons) maxima.push_back(neuron.top.front().activation);
  dataset.add("corpus_maximum", {"neuron"}, at::tensor(maxima), "1",
              "largest activation in the text");
  dataset.add("mean_activation", {"neuron"}, by_neuron(text, &NeuronExamples::mean), "1",
              "mean activation in the text");
  dataset.add("rms_activation", {"neuron"}, by_neuron(text, &NeuronExamples::rms), "1",
              "root mean square of the activation in the text");
}

}  // namespace

void add_text(Dataset& dataset, const TextExamples& text, const NeuronExplorerOptions& options) {
  const std::int64_t neurons = std::ssize(text.neurons);
  const NeuronExamples& first = text.neurons.front();
  const std::int64_t examples = std::ssize(first.top);
  const std::int64_t samples = std::ssize(first.quantiles.front());
  Places top, parts;
  for (const NeuronExamples& neuron : text.neurons) {
    for (const Example& example : neuron.top) top.add(example);
    for (const auto& part : neuron.quantiles)
      for (const Example& example : part) parts.add(example);
  }
  dataset.add_coordinate("example", at::arange(1, examples + 1, at::kInt), "1 is the best");
  top.write(dataset, "top", {"neuron", "example"}, {neurons, examples}, "a top example");
  add_contexts(dataset, text);
  add_quantile_axis(dataset, options.quantiles);
  parts.write(dataset, "quantile", {"neuron", "quantile", "sample"},
              {neurons, options.quantiles, samples},
              "an example of the part of the tokens, which is estimated from up to 4096 of them");
  add_spreads(dataset, text);
  add_moments(dataset, text);
  dataset.receipts.push_back(make_receipt("listed_activations_are_those_of_their_windows_alone",
                                          text.reproduced, 0.0,
                                          "the window of each top example is run again"));
}

}  // namespace lensbench::neurons
